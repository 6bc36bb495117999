import { describe, expect, test } from 'vitest'
import { clientSecretBasic } from '../../src/client-auth/client-secret-basic.js'
import type { Secret } from '../../src/secret.js'
import { answering, authenticated, clientOf, provider, refusal } from '../answering.js'

async function pair(auth: ReturnType<typeof clientSecretBasic>, clientId?: string, conform = {}) {
  const { headers } = await authenticated(auth, conform, clientId)
  const [, encoded = ''] = /^Basic ([A-Za-z0-9+/]+=*)$/.exec(headers.authorization ?? '') ?? []
  return Buffer.from(encoded, 'base64').toString()
}

test('sends a header and nothing in the body', async () => {
  expect(clientSecretBasic('s').method).toBe('client_secret_basic')
  expect(await authenticated(clientSecretBasic('s'))).toMatchObject({
    parameters: { grant_type: 'x' },
    headers: { authorization: `Basic ${Buffer.from('client-1:s').toString('base64')}` },
  })
})

describe('by default', () => {
  const secrets: Readonly<Record<string, string>> = {
    'plain-._*': 'plain-._*',
    'a b': 'a+b',
    'a+b': 'a%2Bb',
    'a:b': 'a%3Ab',
    '100%': '100%25',
    '&=?#/': '%26%3D%3F%23%2F',
    "~!'()": '%7E%21%27%28%29',
    '\u00e9\u20ac\u{1f511}': '%C3%A9%E2%82%AC%F0%9F%94%91',
    '^|),"\\': '%5E%7C%29%2C%22%5C',
  }
  for (const [secret, written] of Object.entries(secrets))
    test(`writes ${secret} as URLSearchParams does`, async () => {
      expect(await pair(clientSecretBasic(secret))).toBe(`client-1:${written}`)
      expect(new URLSearchParams({ a: secret }).toString()).toBe(`a=${written}`)
      expect(await pair(clientSecretBasic('s'), secret)).toBe(`${written}:s`)
    })

  test('leaves ids with "-", "." and "_" as they are, for servers that decode nothing', async () => {
    expect(await pair(clientSecretBasic('A_b.c-9'), 'my-app.v_1')).toBe('my-app.v_1:A_b.c-9')
  })
})

describe('raw', () => {
  test('writes id and secret as they are', async () => {
    expect(await pair(clientSecretBasic('a b+%&', { encoding: 'raw' }), 'id/1')).toBe('id/1:a b+%&')
  })

  test('is the default where the provider says so, and can be undone', async () => {
    const conform = { basicCredentials: 'raw' } as const
    expect(await pair(clientSecretBasic('a b'), 'id', conform)).toBe('id:a b')
    expect(await pair(clientSecretBasic('a b', { encoding: 'form' }), 'id', conform)).toBe('id:a+b')
  })

  const raw = provider({ basicCredentials: 'raw' })
  const { transport } = answering()

  test('refuses ":" in the id, which it would end, when the client is made', () => {
    expect(refusal(() => clientOf(transport, { provider: raw, clientId: 'a:b', clientSecret: 's' })).option).toBe(
      'clientId',
    )
    const auth = clientSecretBasic('s', { encoding: 'raw' })
    expect(refusal(() => clientOf(transport, { clientId: 'a:b', auth })).option).toBe('clientId')
    expect(() => clientOf(transport, { clientId: 'a:b', clientSecret: 's' })).not.toThrow()
  })

  test('takes ":" in the secret, given or read later (RFC 7617 §2)', async () => {
    expect(() => clientOf(transport, { provider: raw, clientSecret: 'a:b' })).not.toThrow()
    for (const secret of ['a:b:', async () => 'a:b:'])
      expect(await pair(clientSecretBasic(secret, { encoding: 'raw' }), 'id')).toBe('id:a:b:')
  })
})

test('refuses a secret that is empty or none, and options it does not know', () => {
  for (const secret of ['', undefined, null, 42, {}])
    expect(refusal(() => clientSecretBasic(secret as unknown as Secret)).option).toBe('clientSecret')
  expect(refusal(() => clientSecretBasic('s', { encoding: 'base64' as 'raw' })).option).toBe('encoding')
  expect(refusal(() => clientSecretBasic('s', { Encoding: 'raw' } as object)).message).toContain(
    'did you mean encoding?',
  )
})
