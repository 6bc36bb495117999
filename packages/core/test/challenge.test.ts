import { describe, expect, test } from 'vitest'
import { isTokenRejected } from '../src/challenge.js'
import { defineProvider } from '../src/index.js'

const rejected = (wwwAuthenticate: string, status = 401) =>
  isTokenRejected({ status, wwwAuthenticate, body: '' }, undefined)

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

  const provider = defineProvider({
    name: 'gateway',
    metadata: { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' },
    conform: { recognizeRejection: ({ body }) => body.includes('900901') },
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
