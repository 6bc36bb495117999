/** The OpenID Foundation's test plan for clients of FAPI 1.0 Advanced, module by module: see docs/conformance.md. */
import { describe, expect, test } from 'vitest'
import { fapi1, fapi1Jarm } from './flows.js'
import { accept, refuse, run } from './modules.js'
import { callApi, expectRefusedDiscovery, expectRefusedLogin, type Flow, logIn } from './scene.js'

const encrypted: Flow = {
  ...fapi1,
  settings: { ...fapi1.settings, idTokenEncryption: { alg: 'RSA-OAEP', enc: 'A256GCM' } },
  client: ({ openid }) => ({
    metadata: {
      id_token_signed_response_alg: 'PS256',
      id_token_encrypted_response_alg: 'RSA-OAEP',
      id_token_encrypted_response_enc: 'A256GCM',
    },
    decryptionKeys: [{ key: openid.signingKey }],
  }),
}

const withIntent: Flow = { ...fapi1, request: { ...fapi1.request, openbankingIntentId: 'consent-1' } }

describe('a login that has to succeed', () => {
  accept(
    { fapi1, fapi1Jarm },
    {
      'fapi1-advanced-final-client-test': undefined,
      'fapi1-advanced-final-client-test-valid-aud-as-array': 'id-token: aud as array',
      'fapi1-advanced-final-client-test-missing-athash': 'id-token: missing at_hash',
      'fapi1-advanced-final-client-test-unencrypted-request-object-with-par': undefined,
    },
  )
  accept({ encrypted }, { 'fapi1-advanced-final-client-test-encrypted-idtoken': undefined })

  run(
    { fapi1, fapi1Jarm },
    {
      async 'fapi1-advanced-final-client-test-no-scope-in-token-endpoint-response'(scene) {
        scene.openid.misbehave('token-response: missing scope')
        scene.openid.misbehave('token-response: missing expires_in')
        const tokenSet = await logIn(scene)
        expect(tokenSet.scope).toBe('openid accounts')
        expect(tokenSet.missingScope).toEqual([])
        expect(tokenSet.expiresAt).toBeUndefined()
      },
      async 'fapi1-advanced-final-client-refresh-token-test'(scene) {
        await logIn(scene)
        await scene.users.for('alice').getTokenSet({ force: true })
        await scene.users.for('alice').getTokenSet({ force: true })
        expect(await callApi(scene)).toBe(200)
        const refreshTokens = scene.openid.requests
          .map(({ parameters }) => parameters.refresh_token)
          .filter(token => token !== undefined)
        expect(new Set(refreshTokens).size).toBe(2)
      },
    },
  )
})

describe('an ID token in front', () => {
  refuse({ fapi1 }, 'in front', {
    'fapi1-advanced-final-client-test-invalid-shash': ['id-token: wrong s_hash', 's_hash'],
    'fapi1-advanced-final-client-test-invalid-missing-shash': ['id-token: missing s_hash', 's_hash'],
    'fapi1-advanced-final-client-test-invalid-chash': ['id-token: wrong c_hash', 'c_hash'],
    'fapi1-advanced-final-client-test-invalid-nonce': ['id-token: wrong nonce', 'nonce'],
    'fapi1-advanced-final-client-test-invalid-missing-nonce': ['id-token: missing nonce', 'nonce'],
    'fapi1-advanced-final-client-test-invalid-iss': ['id-token: wrong iss', 'iss'],
    'fapi1-advanced-final-client-test-invalid-missing-iss': ['id-token: missing iss', 'iss'],
    'fapi1-advanced-final-client-test-invalid-aud': ['id-token: wrong aud', 'aud'],
    'fapi1-advanced-final-client-test-invalid-missing-aud': ['id-token: missing aud', 'aud'],
    'fapi1-advanced-final-client-test-invalid-secondary-aud': ['id-token: several aud without azp', 'azp'],
    'fapi1-advanced-final-client-test-invalid-signature': ['id-token: bad signature', 'signature'],
    'fapi1-advanced-final-client-test-invalid-null-alg': ['id-token: alg none', 'alg'],
    'fapi1-advanced-final-client-test-invalid-alternate-alg': ['id-token: other alg', 'alg'],
    'fapi1-advanced-final-client-test-invalid-expired-exp': ['id-token: expired', 'exp'],
    'fapi1-advanced-final-client-test-invalid-missing-exp': ['id-token: missing exp', 'exp'],
    'fapi1-advanced-final-client-test-iat-is-week-in-past': ['id-token: iat a week ago', 'iat'],
  })
  refuse({ encrypted }, 'in front', {
    'fapi1-advanced-final-client-test-encrypted-idtoken-usingrsa15': ['id-token: encrypted with RSA1_5', 'encryption'],
  })

  run(
    { withIntent },
    {
      async 'fapi1-advanced-final-client-test-invalid-openbanking-intent-id'(scene) {
        scene.openid.misbehave('id-token: wrong openbanking_intent_id')
        await expectRefusedLogin(scene, 'openbanking_intent_id', 'in front')
      },
    },
  )
})

describe('discovery', () => {
  test('fapi1-advanced-final-client-test-discovery-issuer-mismatch', async () => {
    await expectRefusedDiscovery('discovery: other issuer', 'issuer')
  })
})
