import { describe, expect, test } from 'vitest'
import type { ClientAuth } from '../../src/client-auth/client-auth.js'
import { clientSecretBasic } from '../../src/client-auth/client-secret-basic.js'
import { clientSecretJwt } from '../../src/client-auth/client-secret-jwt.js'
import { clientSecretPost } from '../../src/client-auth/client-secret-post.js'
import { none } from '../../src/client-auth/none.js'
import { tlsClientAuth } from '../../src/client-auth/tls-client-auth.js'
import { requestTokenSet } from '../../src/endpoints/token.js'
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
