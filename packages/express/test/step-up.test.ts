import { type AuthorizationServerMetadata, type Client, createClient, defineProvider } from '@grantkit/core'
import { describe, expect, test } from 'vitest'
import { askFor, wantedOf, wasJustAskedFor } from '../src/login/step-up.js'

const strong = 'urn:bank:strong'

function clientOf(more: Partial<AuthorizationServerMetadata> = {}): Client {
  const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token', ...more }
  return createClient({ provider: defineProvider({ name: 'as', metadata }), clientId: 'app', clientSecret: 'secret' })
}

describe('what a login asks for', () => {
  test('is the scope of every login, and what is wanted beside it, each once', () => {
    const { options, askedFor } = askFor(
      clientOf(),
      { scope: 'openid accounts' },
      wantedOf('login', { scope: ['payments accounts'] }),
    )

    expect(options).toEqual({ scope: ['openid', 'accounts', 'payments'] })
    expect(askedFor).toEqual({
      scope: ['openid', 'accounts', 'payments'],
      furtherScope: ['payments'],
      acrValues: [],
    })
  })

  test('keeps what an earlier step-up was granted, and nothing that was not', () => {
    const askedFor = {
      scope: ['openid', 'old', 'payments', 'cards'],
      furtherScope: ['payments', 'cards'],
      acrValues: [],
    }
    const before = { askedFor, scope: 'openid old payments of-the-server' }

    const again = askFor(clientOf(), { scope: 'openid accounts' }, {}, before)

    expect(again.options.scope).toEqual(['openid', 'accounts', 'payments'])
  })

  test('is the shorter of two ages', () => {
    const ageOf = (configured: number | undefined, wanted: number | undefined) =>
      askFor(clientOf(), { maxAgeSeconds: configured }, { maxAgeSeconds: wanted }).options.maxAgeSeconds

    expect([ageOf(3600, 300), ageOf(300, 3600), ageOf(undefined, 60), ageOf(60, undefined)]).toEqual([300, 300, 60, 60])
    expect(askFor(clientOf(), {}, {}).options).not.toHaveProperty('maxAgeSeconds')
  })

  test('leaves what is only of every login as it is', () => {
    const configured = { resource: 'https://api.example', prompt: 'consent', acrValues: 'urn:weak' }

    const { options, askedFor } = askFor(clientOf(), configured, {})

    expect(options).toEqual(configured)
    expect(askedFor.acrValues).toEqual(['urn:weak'])
  })

  test('names levels in acr_values where the server is not known to read claims', () => {
    const { options, askedFor } = askFor(clientOf(), { acrValues: 'urn:weak' }, { acrValues: [strong] })

    expect(options).toEqual({ acrValues: [strong] })
    expect(askedFor.acrValues).toEqual([strong])
  })

  test.each([
    ['the server reads claims', clientOf({ claims_parameter_supported: true }), { acrValues: 'urn:weak' }],
    ['every login has an essential one', clientOf(), { essentialAcr: 'urn:weak' }],
    [
      'every login has it among its claims',
      clientOf(),
      { claims: { id_token: { acr: { essential: true, value: 'urn:weak' } } } },
    ],
  ])('names them as an essential claim, and in no other place, where %s', (_, client, configured) => {
    const { options, askedFor } = askFor(client, configured, { acrValues: [strong] })

    expect(options).toMatchObject({ essentialAcr: [strong] })
    expect(JSON.stringify(options)).not.toContain('urn:weak')
    expect(JSON.stringify(options)).not.toContain('acrValues')
    expect(askedFor.acrValues).toEqual([strong])
  })
})

describe('the same was asked for a moment ago', () => {
  const askedFor = { scope: ['openid', 'accounts'], furtherScope: [], acrValues: [strong], maxAgeSeconds: 300 }
  const lastLogin = { askedFor, loggedInAt: 1_000_000 }
  const soon = 1_000_000 + 29_999

  test.each([
    ['a login like any other', {}],
    ['the scope', { scope: ['accounts'] }],
    ['the level', { acrValues: [strong] }],
    ['the age, or a longer one', { maxAgeSeconds: 300 }],
    ['all of it', { scope: ['openid'], acrValues: [strong], maxAgeSeconds: 600 }],
  ])('by %s', (_, wanted) => {
    expect(wasJustAskedFor(wanted, lastLogin, soon)).toBe(true)
    expect(wasJustAskedFor(wanted, lastLogin, soon + 1)).toBe(false)
    expect(wasJustAskedFor(wanted, undefined, soon)).toBe(false)
  })

  test.each([
    ['another scope', { scope: ['accounts', 'payments'] }],
    ['another level beside it', { acrValues: ['urn:other', strong] }],
    ['a shorter age', { maxAgeSeconds: 299 }],
  ])('is not so for %s', (_, wanted) => {
    expect(wasJustAskedFor(wanted, lastLogin, soon)).toBe(false)
  })

  test('is not so once a login that was recent enough no longer is', () => {
    const wanted = { maxAgeSeconds: 5 }
    const login = { ...lastLogin, askedFor: { ...askedFor, ...wanted } }
    const recent = { ...login, authTime: 998 }
    const old = { ...login, authTime: 900 }
    expect([1_005_000, 1_005_001].map(now => wasJustAskedFor(wanted, recent, now))).toEqual([true, false])
    expect([old, login].map(one => wasJustAskedFor(wanted, one, 1_005_001))).toEqual([true, true])
  })

  test('is not so for long where the clock was put back', () => {
    expect(wasJustAskedFor({}, lastLogin, 1_000_000 - 29_999)).toBe(true)
    expect(wasJustAskedFor({}, lastLogin, 1_000_000 - 30_000)).toBe(false)
  })
})

test.each([
  ['scope', { scope: 7 }],
  ['acrValues', { acrValues: [7] }],
  ['maxAgeSeconds', { maxAgeSeconds: -1 }],
  ['maxAgeSeconds', { maxAgeSeconds: 0.5 }],
  ['loginHint', { loginHint: '' }],
  ['prompt', { prompt: {} }],
  ['acr', { acr: 'urn:strong' }],
])('refuses a wrong %s', (option, options) => {
  expect(() => wantedOf('login', options as never)).toThrow(expect.objectContaining({ name: 'TypeError', option }))
})
