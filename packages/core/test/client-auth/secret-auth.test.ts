import { describe, expect, test } from 'vitest'
import { clientSecretBasic } from '../../src/client-auth/client-secret-basic.js'
import { clientSecretJwt } from '../../src/client-auth/client-secret-jwt.js'
import { clientSecretPost } from '../../src/client-auth/client-secret-post.js'
import { readSecret, secretMembers } from '../../src/client-auth/secret-auth.js'
import { requestTokenSet } from '../../src/endpoints/token.js'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import { optionError } from '../../src/options.js'
import { answering, authenticated, clientOf, failure, formOf, granted, provider } from '../answering.js'

describe('a secret given as a function', () => {
  test('is asked before every request, so it can be replaced while running', async () => {
    const secrets = ['old', 'new']
    const { transport, requests } = answering(granted, granted)
    const client = clientOf(transport, { auth: clientSecretPost(async () => secrets.shift() as string) })
    await requestTokenSet(client, clientCredentials())
    await requestTokenSet(client, clientCredentials())
    expect(requests.map(request => formOf(request).client_secret)).toEqual(['old', 'new'])
  })

  test('is asked anew when a request is repeated', async () => {
    const secrets = ['old', 'new']
    const { transport, requests } = answering(new Error('reset'), granted)
    await requestTokenSet(
      clientOf(transport, { auth: clientSecretPost(() => secrets.shift() as string) }),
      clientCredentials(),
    )
    expect(formOf(requests[1] as never).client_secret).toBe('new')
  })

  test('may be plain or async, for every method', async () => {
    for (const secret of [() => 's3cret', async () => 's3cret']) {
      expect((await authenticated(clientSecretPost(secret))).parameters).toMatchObject({ client_secret: 's3cret' })
      expect((await authenticated(clientSecretBasic(secret))).headers).toHaveProperty('authorization')
      expect((await authenticated(clientSecretJwt(secret, { alg: 'HS256' }))).parameters).toHaveProperty(
        'client_assertion',
      )
    }
  })

  test('is not asked when the client is made', () => {
    const asked: string[] = []
    clientOf(answering().transport, { clientSecret: () => String(asked.push('asked')) })
    expect(asked).toEqual([])
  })

  test('is checked by the provider before it is sent', async () => {
    const checkCredentials = ({ clientSecret = '' }) => {
      if (clientSecret.length > 3) throw optionError('clientSecret', 'too long')
    }
    const { transport, requests } = answering(granted)
    const client = clientOf(transport, { provider: provider({ checkCredentials }), clientSecret: async () => 'long' })
    expect(await failure(requestTokenSet(client, clientCredentials()))).toMatchObject({ option: 'clientSecret' })
    expect(requests).toEqual([])
  })

  for (const value of ['', undefined, null, 42])
    test(`must return a text that is not empty: ${JSON.stringify(value) ?? 'nothing'} is not`, async () => {
      expect(await failure(readSecret((() => value) as unknown as () => string))).toMatchObject({
        code: 'ERR_CLIENT_AUTHENTICATION',
      })
    })
})

test('names the credentials without showing them, and otherwise once they change', async () => {
  let secret = 'marker-1'
  const [fixed, read] = [secretMembers('marker-1'), secretMembers(() => secret)]
  expect(`${fixed.identity} ${read.identity} ${await fixed.fingerprint()}`).not.toContain('marker')
  expect(await read.fingerprint()).toBe(await fixed.fingerprint())
  secret = 'marker-2'
  expect(await read.fingerprint()).not.toBe(await fixed.fingerprint())
  expect(secretMembers('marker-1').identity).toBe(fixed.identity)
  expect(secretMembers('marker-2').identity).not.toBe(fixed.identity)
})
