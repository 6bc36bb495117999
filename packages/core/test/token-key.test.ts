import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Client, clientCredentials, clientSecretPost, defineProvider, privateKeyJwt } from '../src/index.js'
import { sha256 } from '../src/secret.js'
import { attemptKey, entryKey, entryKeys, lineageKey, userKeys } from '../src/token-key.js'
import { setUp } from './scripted-server.js'

const entry = (client: Client, options: Parameters<typeof clientCredentials>[0] = {}) => {
  const { grantType, identity } = clientCredentials(options)
  return entryKey(client, grantType, identity)
}

describe('lineageKey', () => {
  test('is the same for clients built alike', () => {
    const { client, another } = setUp()
    expect(lineageKey(another(), { subject: 'alice' }, false)).toBe(lineageKey(client, { subject: 'alice' }, false))
  })

  test('differs by subject, client id, secret, method, connection, issuer and endpoint', () => {
    const { client, another } = setUp()
    const provider = (metadata: { issuer: string; token_endpoint: string }) =>
      another({ provider: defineProvider({ name: 'example', metadata }) })
    const keys = [
      lineageKey(client, { subject: 'alice' }, false),
      lineageKey(client, { subject: 'bob' }, false),
      lineageKey(client, { application: 'alice' }, false),
      lineageKey(another({ clientId: 'other' }), { subject: 'alice' }, false),
      lineageKey(another({ clientSecret: 'another secret' }), { subject: 'alice' }, false),
      lineageKey(
        another({ clientSecret: undefined as never, auth: clientSecretPost('a secret') }),
        { subject: 'alice' },
        false,
      ),
      lineageKey(another({ transport: async () => Promise.reject(new Error('unused')) }), { subject: 'alice' }, false),
      lineageKey(
        provider({ issuer: 'https://other.example', token_endpoint: 'https://as.example/token' }),
        { subject: 'alice' },
        false,
      ),
      lineageKey(
        provider({ issuer: 'https://as.example', token_endpoint: 'https://as.example/other' }),
        { subject: 'alice' },
        false,
      ),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('does not run subject and credentials together', () => {
    const { another } = setUp()
    expect(lineageKey(another({ clientId: 'a' }), { subject: 'bc' }, false)).not.toBe(
      lineageKey(another({ clientId: 'ab' }), { subject: 'c' }, false),
    )
  })

  test('stays when the key that signs is replaced: the refresh token is still the client’s', () => {
    const key = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const auth = privateKeyJwt({ key: key(), alg: 'ES256' })
    const { client } = setUp(undefined, { auth })
    const before = lineageKey(client, { subject: 'alice' }, false)
    auth.replaceKey({ key: key(), alg: 'ES256' })
    expect(lineageKey(client, { subject: 'alice' }, false)).toBe(before)
  })

  test('shows neither secret nor subject', () => {
    expect(lineageKey(setUp().client, { subject: 'alice' }, false)).toMatch(/^[\w-]{43}$/)
  })
})

describe('entryKey', () => {
  test('takes the scope as a set: order, repetition and blanks do not matter', () => {
    const { client } = setUp()
    const key = entry(client, { scope: 'accounts payments' })
    expect(entry(client, { scope: ' payments  accounts payments' })).toBe(key)
    expect(entry(client, { scope: ['payments', 'accounts'] })).toBe(key)
  })

  test('takes extra parameters in any order', () => {
    const { client } = setUp()
    const [one, other] = [
      { tenant: 't', zone: 'z' },
      { zone: 'z', tenant: 't' },
    ].map(parameters => entry(client, { parameters }))
    expect(one).toBe(other)
  })

  test('differs by grant, scope, resource and extra parameters', () => {
    const { client } = setUp()
    const keys = [
      entry(client),
      entryKey(client, 'refresh_token', {}),
      entry(client, { scope: 'a' }),
      entry(client, { scope: 'a b' }),
      entry(client, { scope: 'ab' }),
      entry(client, { resource: 'https://a.example' }),
      entry(client, { resource: 'https://b.example' }),
      entry(client, { resource: ['https://a.example', 'https://b.example'] }),
      entry(client, { parameters: { tenant: 'a' } }),
      entry(client, { parameters: { tenant: 'b' } }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('differs by certificate, and follows its replacement', () => {
    const certificate = { thumbprint: 'one', replace() {} } as never as { thumbprint: string }
    const { client, another } = setUp()
    const bound = another({ tls: { certificate: certificate as never } })
    const first = entry(bound)
    certificate.thumbprint = 'two'
    expect(new Set([entry(client), first, entry(bound)]).size).toBe(3)
  })
})

describe('keys for many', () => {
  test('of users are the hashes they always were where others share the store: records are found again', () => {
    const { client } = setUp()
    const { issuer } = client.provider.metadata
    for (const subject of ['alice', '"], quoted \\', 'ü €', '\ud800']) {
      const key = sha256(JSON.stringify([issuer, client.id, { subject }]))
      expect([userKeys(client, true)(subject), lineageKey(client, { subject }, true)]).toEqual([key, key])
    }
  })

  test('of users in the memory of this process are the same for clients built alike, and for no others', () => {
    const { client, another } = setUp()
    const keyOf = (one: Client, subject: string) => userKeys(one, false)(subject)
    expect(keyOf(another(), 'alice')).toBe(keyOf(client, 'alice'))
    const others = [
      another({ clientId: 'other' }),
      another({ clientSecret: 'another secret' }),
      another({ clientSecret: undefined as never, auth: clientSecretPost('a secret') }),
      another({ transport: async () => Promise.reject(new Error('unused')) }),
    ]
    const keys = [client, ...others].flatMap(one => ['alice', 'bob', ' bob', ''].map(subject => keyOf(one, subject)))
    expect(new Set(keys).size).toBe(20)
    expect(keys.join()).not.toContain('secret')
  })

  test('of an entry follow the certificate', () => {
    const certificate = { thumbprint: 'one', replace() {} } as never as { thumbprint: string }
    const { another } = setUp()
    const client = another({ tls: { certificate: certificate as never } })
    const current = entryKeys(client, 'refresh_token', { scope: 'a' })
    const first = current()
    expect([first, current()]).toEqual([entryKey(client, 'refresh_token', { scope: 'a' }), first])
    certificate.thumbprint = 'two'
    expect(current()).toBe(entryKey(client, 'refresh_token', { scope: 'a' }))
    expect(current()).not.toBe(first)
  })
})

test('attemptKey differs by what is spent, and shows none of it', () => {
  const keys = ['one', 'two'].map(token => attemptKey('lineage', 'entry', { refresh_token: token }))
  expect(new Set([...keys, attemptKey('other', 'entry', { refresh_token: 'one' })]).size).toBe(3)
  expect(keys.join()).toMatch(/^[\w-]{43},[\w-]{43}$/)
})
