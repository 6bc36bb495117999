import { describe, expect, test } from 'vitest'
import type { ClientAuth } from '../../src/client-auth/client-auth.js'
import { clientSecretBasic } from '../../src/client-auth/client-secret-basic.js'
import { clientSecretJwt } from '../../src/client-auth/client-secret-jwt.js'
import { clientSecretPost } from '../../src/client-auth/client-secret-post.js'
import { none } from '../../src/client-auth/none.js'
import { tlsClientAuth } from '../../src/client-auth/tls-client-auth.js'
import { askTokenEndpoint, requestTokenSet } from '../../src/endpoints/token.js'
import { isGrantKitError, TokenStoreError, TransportError } from '../../src/errors.js'
import { authorizationCode } from '../../src/grants/authorization-code.js'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import { refreshToken } from '../../src/grants/refresh-token.js'
import type { TransportRequest } from '../../src/transport.js'
import { answering, clientOf, failure, formOf, granted, provider } from '../answering.js'

describe('exactly one method of client authentication is sent', () => {
  const methods: readonly [auth: ClientAuth, sent: string[]][] = [
    [none(), ['client_id']],
    [tlsClientAuth(), ['client_id']],
    [clientSecretBasic('s3cret'), ['authorization']],
    [clientSecretPost('s3cret'), ['client_id', 'client_secret']],
    [clientSecretJwt('s3cret', { alg: 'HS256' }), ['client_id', 'client_assertion_type', 'client_assertion']],
  ]
  const credentials = ['authorization', 'client_id', 'client_secret', 'client_assertion_type', 'client_assertion']
  for (const [auth, sent] of methods)
    test(`by ${auth.method}`, async () => {
      const { transport, requests } = answering(granted)
      await requestTokenSet(clientOf(transport, { auth }), clientCredentials())
      const [request] = requests as [TransportRequest]
      const names = Object.keys({ ...request.headers, ...formOf(request) })
      expect(credentials.filter(name => names.includes(name)).sort()).toEqual([...sent].sort())
      expect(request.url).toBe('https://as.example.com/token')
    })
})

describe('each grant', () => {
  const sent = async (grant: Parameters<typeof requestTokenSet>[1]) => {
    const { transport, requests } = answering(granted)
    await requestTokenSet(clientOf(transport, { clientSecret: 's' }), grant)
    return formOf(requests[0] as TransportRequest)
  }

  test('sends its parameters', async () => {
    expect(await sent(clientCredentials({ scope: 'a b' }))).toEqual({ grant_type: 'client_credentials', scope: 'a b' })
    expect(await sent(refreshToken({ refreshToken: 'rt' }))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'rt',
    })
    expect(await sent(authorizationCode({ code: 'c' }))).toEqual({ grant_type: 'authorization_code', code: 'c' })
  })

  test('goes where its requests go', async () => {
    const { transport, requests } = answering(granted, granted)
    const refreshEndpoint = 'https://gateway.example.com/token'
    const client = clientOf(transport, { provider: provider({ refreshEndpoint }) })
    await requestTokenSet(client, clientCredentials())
    await requestTokenSet(client, refreshToken({ refreshToken: 'rt' }))
    expect(requests.map(({ url }) => url)).toEqual(['https://as.example.com/token', refreshEndpoint])
  })
})

test('a lifetime counts from before the request was sent', async () => {
  let time = 1_760_000_000_000
  const { transport } = answering(granted)
  const slow = (request: TransportRequest) => {
    time += 5_000
    return transport(request)
  }
  const tokenSet = await requestTokenSet(clientOf(slow, { clock: { now: () => time } }), clientCredentials())
  expect(tokenSet).toMatchObject({ obtainedAt: 1_760_000_000_000, expiresAt: 1_760_003_600_000 })
})

test('what was asked for and not granted is known', async () => {
  const { transport } = answering({ body: { access_token: 'at', token_type: 'Bearer', scope: 'accounts' } })
  const tokenSet = await requestTokenSet(clientOf(transport), clientCredentials({ scope: 'accounts  payments' }))
  expect(tokenSet).toMatchObject({ scope: 'accounts', missingScope: ['payments'] })
})

test('an answer written as a form is read where the provider says so', async () => {
  const { transport } = answering({ body: 'access_token=at&token_type=bearer&expires_in=60&scope=a+b' })
  const client = clientOf(transport, { provider: provider({ responseEncoding: 'form' }), clock: { now: () => 0 } })
  expect(await requestTokenSet(client, clientCredentials())).toMatchObject({
    accessToken: 'at',
    scope: 'a b',
    expiresAt: 60_000,
  })
})

test('a token beside an error is not accepted', async () => {
  const { transport } = answering({ body: { access_token: 'marker', token_type: 'Bearer', error: 'invalid_scope' } })
  const error = await failure(requestTokenSet(clientOf(transport), clientCredentials()))
  expect(error).toMatchObject({ code: 'ERR_SERVER_REFUSED', serverStatus: 200, error: 'invalid_scope' })
  expect(error.message).not.toContain('marker')
})

test('nothing is shared and nothing kept: two calls are two requests', async () => {
  const { transport, requests } = answering(granted, granted)
  const client = clientOf(transport)
  await Promise.all([requestTokenSet(client, clientCredentials()), requestTokenSet(client, clientCredentials())])
  expect(requests).toHaveLength(2)
})

describe('what is done right before sending', () => {
  const neverSent = () => new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true })
  const lost = () => new TokenStoreError('lost', { operation: 'lease' })

  test('is done for each attempt, once it is authenticated and before it is sent', async () => {
    const steps: string[] = []
    const { transport } = answering(neverSent(), granted)
    const clientSecret = async () => {
      steps.push('authenticate')
      return 's3cret'
    }
    const client = clientOf(request => transport(request).finally(() => steps.push('send')), { clientSecret })
    const beforeSending = async () => void steps.push('before')
    await askTokenEndpoint(client, clientCredentials(), { beforeSending })
    expect(steps).toEqual(['authenticate', 'before', 'send', 'authenticate', 'before', 'send'])
  })

  test('is not done for what cannot be written', async () => {
    const { transport, requests } = answering(granted)
    const encodeRequest = () => {
      throw new Error('no such format')
    }
    const client = clientOf(transport, { provider: provider({ encodeRequest }) })
    let isDone = false
    const beforeSending = async () => {
      isDone = true
    }
    await expect(askTokenEndpoint(client, clientCredentials(), { beforeSending })).rejects.toThrow('no such format')
    expect({ isDone, requests }).toEqual({ isDone: false, requests: [] })
  })

  test('keeps the request back by what it throws, which comes out as it is and says that nothing was sent', async () => {
    const { transport, requests } = answering(granted)
    const error = lost()
    const before = { ...error, message: error.message }
    const beforeSending = () => Promise.reject(error)
    expect(await failure(askTokenEndpoint(clientOf(transport), clientCredentials(), { beforeSending }))).toBe(error)
    expect({ ...error, message: error.message }).toEqual({ ...before, neverSent: true })
    expect(requests).toEqual([])
  })

  test.each([new Error('stop'), Object.freeze(new Error('stop')), 'stop'])(
    'throws what is no error of ours untouched: %s',
    async reason => {
      const beforeSending = () => Promise.reject(reason)
      const { transport } = answering(granted)
      const error = await failure(askTokenEndpoint(clientOf(transport), clientCredentials(), { beforeSending }))
      expect(error).toBe(reason)
      expect(error).not.toHaveProperty('neverSent')
    },
  )

  test('before a second attempt gives up with what the first one met', async () => {
    const { transport, requests } = answering(neverSent(), granted)
    const beforeSending = async () => {
      if (requests.length === 1) throw lost()
    }
    const error = await failure(askTokenEndpoint(clientOf(transport), clientCredentials(), { beforeSending }))
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', neverSent: true })
    expect(requests).toHaveLength(1)
  })
})

test.each([
  ['a secret function that rejects', { clientSecret: () => Promise.reject(new Error('sealed')) }],
  ['a secret function that gives none', { clientSecret: async () => '' }],
  ['a header function that rejects', { headers: { 'x-key': () => Promise.reject(new Error('sealed')) } }],
  ['a header function that gives none', { headers: { 'x-key': async () => undefined as never } }],
  ['an audience function that gives none', { auth: clientSecretJwt('s', { alg: 'HS256', audience: () => '' }) }],
])('the error of %s says that nothing was sent', async (_, options) => {
  const { transport, requests } = answering(granted)
  const error = await failure(requestTokenSet(clientOf(transport, options), clientCredentials()))
  expect(isGrantKitError(error) || error instanceof TypeError).toBe(true)
  expect(error).toMatchObject({ neverSent: true })
  expect(requests).toEqual([])
})
