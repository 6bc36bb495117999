import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isTokenRejected, isUnexplained, readStepUp, type StepUp } from '../src/challenge.js'
import { defineProvider } from '../src/index.js'

const rejected = (wwwAuthenticate: string, status = 401) =>
  isTokenRejected({ status, wwwAuthenticate, body: '' }, undefined)

const provider = defineProvider({
  name: 'gateway',
  metadata: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' },
  conform: { recognizeRejection: ({ body }) => body.includes('900901') },
})

describe('isTokenRejected', () => {
  const credible = [
    'Bearer error="invalid_token"',
    'Bearer realm="example", error="invalid_token", error_description="The access token expired"',
    'bearer error=invalid_token',
    "Bearer error='invalid_token'",
    'Bearer error = "invalid_token',
    'error="invalid_token"',
    'OAuth2 realm="WSO2 API Manager", error="invalid_token", error_description=The access token expired',
    'Basic realm="x", Bearer realm="y", error="invalid_token"',
    'internal_key realm="WSO2", ,,= error="invalid_token"',
  ]
  for (const header of credible) test(`takes ${header} for a rejected token`, () => expect(rejected(header)).toBe(true))

  const others = [
    '',
    'Bearer',
    'Bearer realm="example"',
    'Bearer error="insufficient_scope", scope="payments"',
    'Bearer error="invalid_request"',
    'Bearer error="invalid_token_type"',
    'DPoP error="use_dpop_nonce"',
    'Basic realm="example"',
  ]
  for (const header of others)
    test(`does not take ${header || 'a missing challenge'} for one`, () => expect(rejected(header)).toBe(false))

  for (const status of [200, 400, 403, 407, 500])
    test(`never takes a ${status} for one, whatever its header says`, () => {
      expect(rejected('Bearer error="invalid_token"', status)).toBe(false)
    })

  test('follows the provider’s own rule instead, where there is one', () => {
    const refusal = { status: 401, wwwAuthenticate: '', body: '{"code":"900901"}' }
    expect(isTokenRejected(refusal, provider)).toBe(true)
    expect(isTokenRejected({ ...refusal, body: '{}', wwwAuthenticate: 'error="invalid_token"' }, provider)).toBe(false)
  })

  test('does not ask the provider’s rule about any other status', () => {
    expect(isTokenRejected({ status: 403, wwwAuthenticate: '', body: '900901' }, provider)).toBe(false)
  })
})

describe('isUnexplained', () => {
  const unexplained = (wwwAuthenticate: string, status = 401) =>
    isUnexplained({ status, wwwAuthenticate, body: '' }, undefined)

  const withoutReason = [
    '',
    ' ',
    'Bearer',
    'bearer realm="api"',
    'Bearer realm="a, b", scope="read write"',
    'Bearer realm="api", resource_metadata="https://api.example/.well-known/oauth-protected-resource"',
    'Bearer realm="http://localhost", DPoP realm="http://localhost", algs="ES256 Ed25519 EdDSA"',
    'Basic realm="api", Bearer',
    'Bearer error=""',
    'error=invalid_request,error_description=Invalid request',
    'realm="api"',
    'please log in',
    '"Bearer"',
    '=,;',
    'Bearer realm=my api',
    'Bearer realm="api, error=invalid token 900901;;, =',
  ]
  for (const header of withoutReason)
    test(`says that ${header || 'a missing challenge'} gives no reason`, () => expect(unexplained(header)).toBe(true))

  const withReason = [
    'Basic realm="api"',
    'Basic realm=My API',
    'Digest realm="a", qop="auth, auth-int", nonce="n", opaque="o"',
    'Negotiate',
    'Negotiate YII=',
    'NTLM, Negotiate',
    'DPoP algs="ES256"',
    'ApiKey realm="api"',
    'Bearer error="insufficient_scope", scope="payments"',
    'Bearer realm="api", error="insufficient_user_authentication", acr_values="urn:strong", max_age=300',
    'DPoP error="use_dpop_nonce"',
    'Bearer realm="api", DPoP error="use_dpop_nonce", algs="ES256"',
    'Bearer error="invalid_request"',
    'Bearer error="insufficient_claims", claims="e30="',
    'Bearer , Bearer error = insufficient_scope',
    'Bearer error=insufficient_scope, error_description=The scope is not enough',
    'Bearer error=invalid_request, error_description=Invalid request',
    'error="insufficient_scope"',
  ]
  for (const header of withReason) test(`says that ${header} gives one`, () => expect(unexplained(header)).toBe(false))

  test('asks about no other status, unless the provider names it', () => {
    for (const status of [200, 400, 403, 407, 500]) expect(unexplained('', status)).toBe(false)
    const forbidding = defineProvider({
      name: 'forbidding',
      metadata: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' },
      conform: { rejectionStatuses: [401, 403] },
    })
    expect(isUnexplained({ status: 403, wwwAuthenticate: '', body: 'Forbidden' }, forbidding)).toBe(true)
    const refusal = { status: 403, wwwAuthenticate: 'Bearer error="invalid_token"', body: '' }
    expect(isTokenRejected(refusal, forbidding)).toBe(true)
    expect(isTokenRejected({ ...refusal, status: 500 }, forbidding)).toBe(false)
  })

  test('is not asked where the provider has a rule of its own', () => {
    expect(isUnexplained({ status: 401, wwwAuthenticate: '', body: '' }, provider)).toBe(false)
  })
})

describe('a step-up challenge', () => {
  const stepUp = (wwwAuthenticate: string, status = 401) => readStepUp({ status, wwwAuthenticate, body: '' }, undefined)
  const wanted: readonly (readonly [string, StepUp])[] = [
    ['Bearer error="insufficient_user_authentication"', { acrValues: undefined, maxAgeSeconds: undefined }],
    [
      'Bearer realm="api", error="insufficient_user_authentication", error_description="A different level", acr_values="myACR other", max_age="5"',
      { acrValues: ['myACR', 'other'], maxAgeSeconds: 5 },
    ],
    [
      'DPoP error=insufficient_user_authentication, MAX_AGE=0, algs="ES256"',
      { acrValues: undefined, maxAgeSeconds: 0 },
    ],
    [
      'Basic realm="x", Bearer error="insufficient_user_authentication", acr_values="\\"quoted\\""',
      { acrValues: ['"quoted"'], maxAgeSeconds: undefined },
    ],
    [
      'Bearer error=insufficient_user_authentication, error_description=Please log in, acr_values=urn:strong',
      { acrValues: ['urn:strong'], maxAgeSeconds: undefined },
    ],
    [
      'Bearer error="insufficient_user_authentication", acr_values="a\tb  \u00fc", max_age="-1"',
      { acrValues: ['a', 'b'], maxAgeSeconds: undefined },
    ],
    [
      'Bearer error="insufficient_user_authentication", max_age="5; prompt=none"',
      { acrValues: undefined, maxAgeSeconds: undefined },
    ],
  ]
  for (const [header, found] of wanted) test(`is read from ${header}`, () => expect(stepUp(header)).toEqual(found))

  const none = [
    '',
    'Bearer error="insufficient_scope", error_description="not insufficient_user_authentication"',
    'Bearer error_description="insufficient_user_authentication"',
    'Bearer error="insufficient_user_authentication_x"',
    'Bearer error="invalid_token", DPoP error="insufficient_user_authentication"',
  ]
  for (const header of none)
    test(`is not found in ${header || 'nothing'}`, () => expect(stepUp(header)).toBeUndefined())

  test('is looked for in no other status', () => {
    expect(stepUp('Bearer error="insufficient_user_authentication"', 403)).toBeUndefined()
  })

  test('is looked for in a header that follows no grammar, without minutes in a regular expression', () => {
    expect(stepUp(`insufficient_user_authentication ${'a'.repeat(300_000)} ${'b'.repeat(300_000)}`)).toBeUndefined()
  })

  test('is read within bounds, whatever a header holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), text => {
        for (const header of [text, `Bearer error="insufficient_user_authentication", acr_values="${text}"`]) {
          const { acrValues = [], maxAgeSeconds = 0 } = stepUp(header) ?? {}
          expect(acrValues.length).toBeLessThanOrEqual(20)
          for (const value of acrValues) expect(value).toMatch(/^[\x21-\x7e]{1,255}$/)
          expect(maxAgeSeconds).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })
})
