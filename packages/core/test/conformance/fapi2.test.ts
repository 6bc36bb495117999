/** The OpenID Foundation's test plans for clients of FAPI 2.0, Security Profile and Message Signing: see docs/conformance.md. */
import { describe, expect, test } from 'vitest'
import { fapi2, fapi2Dpop, fapi2MessageSigning } from './flows.js'
import { accept, refuse, run } from './modules.js'
import { callApi, expectRefusedDiscovery, expectRefusedLogin, type Flow, logIn } from './scene.js'

const profiles = { fapi2, fapi2Dpop, fapi2MessageSigning }
const plain = { fapi2, fapi2Dpop }
const withoutNonces: Flow = { ...fapi2Dpop, settings: { ...fapi2Dpop.settings, dpopNonces: false } }
const withIntent: Flow = { ...fapi2, request: { openbankingIntentId: 'consent-1' } }

describe('a login that has to succeed', () => {
  accept(profiles, {
    'fapi2-security-profile-final-client-test-valid-aud-as-array': 'id-token: aud as array',
    'fapi2-security-profile-final-client-test-token-type-case-insensitivity':
      'token-response: token_type in other case',
  })

  accept({ withoutNonces }, { 'fapi2-security-profile-final-client-test-happy-path-no-dpop-nonce': undefined })

  run(profiles, {
    async 'fapi2-security-profile-final-client-test-happy-path'(scene) {
      await logIn(scene)
      expect(await callApi(scene)).toBe(200)
    },
    async 'fapi2-security-profile-final-client-test-token-endpoint-response-without-expires_in'(scene) {
      scene.openid.misbehave('token-response: missing expires_in')
      await logIn(scene)
      expect(await callApi(scene)).toBe(200)
    },
    async 'fapi2-security-profile-final-client-refresh-token-test'(scene) {
      await logIn(scene)
      await scene.users.for('alice').getTokenSet({ force: true })
      const last = await scene.users.for('alice').getTokenSet({ force: true })
      expect(last.accessToken).toBe(scene.openid.issuedTokens.at(-1)?.token)
    },
  })
})

describe('a DPoP proof', () => {
  run(
    { fapi2Dpop },
    {
      async 'fapi2-security-profile-final-client-test-rs-dpop-auth-scheme-case-insensitivity'(scene) {
        await logIn(scene)
        scene.openid.misbehave('dpop: use_dpop_nonce', { on: 'api' })
        scene.openid.misbehave('dpop: scheme in other case', { on: 'api' })
        expect(await callApi(scene)).toBe(200)
        expect(scene.openid.requests.filter(({ kind }) => kind === 'api').map(({ status }) => status)).toEqual([
          401, 200,
        ])
      },
    },
  )
})

describe('an ID token', () => {
  refuse(profiles, 'at the token endpoint', {
    'fapi2-security-profile-final-client-test-invalid-iss': ['id-token: wrong iss', 'iss'],
    'fapi2-security-profile-final-client-test-invalid-missing-iss': ['id-token: missing iss', 'iss'],
    'fapi2-security-profile-final-client-test-invalid-aud': ['id-token: wrong aud', 'aud'],
    'fapi2-security-profile-final-client-test-invalid-missing-aud': ['id-token: missing aud', 'aud'],
    'fapi2-security-profile-final-client-test-invalid-secondary-aud': ['id-token: several aud without azp', 'azp'],
    'fapi2-security-profile-final-client-test-invalid-null-alg': ['id-token: alg none', 'alg'],
    'fapi2-security-profile-final-client-test-invalid-alternate-alg': ['id-token: other alg', 'alg'],
    'fapi2-security-profile-final-client-test-invalid-expired-exp': ['id-token: expired', 'exp'],
    'fapi2-security-profile-final-client-test-invalid-missing-exp': ['id-token: missing exp', 'exp'],
    'fapi2-security-profile-final-client-test-invalid-nonce': ['id-token: wrong nonce', 'nonce'],
    'fapi2-security-profile-final-client-test-invalid-missing-nonce': ['id-token: missing nonce', 'nonce'],
  })

  run(
    { withIntent },
    {
      async 'fapi2-security-profile-final-client-test-invalid-openbanking-intent-id'(scene) {
        scene.openid.misbehave('id-token: wrong openbanking_intent_id')
        await expectRefusedLogin(scene, 'openbanking_intent_id', 'at the token endpoint')
      },
    },
  )
})

describe('the answer', () => {
  refuse(plain, 'in front', {
    'fapi2-security-profile-final-client-test-invalid-authorization-response-iss': [
      'authorization-response: wrong iss',
      'iss',
    ],
    'fapi2-security-profile-final-client-test-remove-authorization-response-iss': [
      'authorization-response: missing iss',
      'iss',
    ],
  })
  refuse(profiles, 'in front', {
    'fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-state-fails': [
      'authorization-response: wrong state',
      'state',
    ],
    'fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-missing-state-fails': [
      'authorization-response: missing state',
      'state',
    ],
  })
  refuse({ fapi2MessageSigning }, 'in front', {
    'fapi2-security-profile-final-client-test-ensure-jarm-without-iss-fails': ['jarm: missing iss', 'iss'],
    'fapi2-security-profile-final-client-test-ensure-jarm-with-invalid-iss-fails': ['jarm: wrong iss', 'iss'],
    'fapi2-security-profile-final-client-test-ensure-jarm-without-aud-fails': ['jarm: missing aud', 'aud'],
    'fapi2-security-profile-final-client-test-ensure-jarm-with-invalid-aud-fails': ['jarm: wrong aud', 'aud'],
    'fapi2-security-profile-final-client-test-ensure-jarm-without-exp-fails': ['jarm: missing exp', 'exp'],
    'fapi2-security-profile-final-client-test-ensure-jarm-with-expired-exp-fails': ['jarm: expired', 'exp'],
    'fapi2-security-profile-final-client-test-ensure-jarm-with-invalid-sig-fails': ['jarm: bad signature', 'signature'],
    'fapi2-security-profile-final-client-test-ensure-jarm-signature-is-not-none': ['jarm: alg none', 'alg'],
  })
})

describe('discovery', () => {
  test('fapi2-security-profile-final-client-test-discovery-issuer-mismatch', async () => {
    await expectRefusedDiscovery('discovery: other issuer', 'issuer')
  })
})
