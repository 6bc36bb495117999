/** The OpenID Foundation's test plans for OpenID Connect relying parties, module by module: see docs/conformance.md. */
import { describe, expect, test } from 'vitest'
import {
  checkEndSessionResponse,
  createEndSessionRequest,
  readAuthorizationResponse,
  requestUserInfo,
  TokenResponseError,
} from '../../src/index.js'
import { basic, basicFormPost, hybrid, hybridFormPost } from './flows.js'
import { accept, refuse, run } from './modules.js'
import {
  browse,
  expectRefusedDiscovery,
  expectValidationError,
  type Flow,
  goOut,
  logIn,
  redeem,
  refusalOf,
  type Scene,
} from './scene.js'

const codeFlows = { basic, basicFormPost }
const hybridFlows = { hybrid, hybridFormPost }
const allFlows = { ...codeFlows, ...hybridFlows }

describe('ID tokens', () => {
  accept(allFlows, {
    'oidcc-client-test': undefined,
    'oidcc-client-test-client-secret-basic': undefined,
    'oidcc-client-test-idtoken-sig-rs256': undefined,
  })

  const refused = {
    'oidcc-client-test-invalid-iss': ['id-token: wrong iss', 'iss'],
    'oidcc-client-test-missing-sub': ['id-token: missing sub', 'sub'],
    'oidcc-client-test-invalid-aud': ['id-token: wrong aud', 'aud'],
    'oidcc-client-test-missing-aud': ['id-token: missing aud', 'aud'],
    'oidcc-client-test-missing-iat': ['id-token: missing iat', 'iat'],
    'oidcc-client-test-invalid-sig-rs256': ['id-token: bad signature', 'signature'],
    'oidcc-client-test-nonce-invalid': ['id-token: wrong nonce', 'nonce'],
    // the plan lets a client take it where it comes by TLS; nothing unsigned is taken here
    'oidcc-client-test-idtoken-sig-none': ['id-token: alg none', 'alg'],
  } as const
  refuse(codeFlows, 'at the token endpoint', refused)
  refuse(hybridFlows, 'in front', refused)

  refuse(hybridFlows, 'in front', {
    'oidcc-client-test-invalid-chash': ['id-token: wrong c_hash', 'c_hash'],
    'oidcc-client-test-missing-chash': ['id-token: missing c_hash', 'c_hash'],
  })

  // the plan has it for response types with a token in front, which are not sent here: it holds at the token endpoint
  refuse(codeFlows, 'at the token endpoint', {
    'oidcc-client-test-invalid-athash': ['id-token: wrong at_hash', 'at_hash'],
  })

  const es256 = { settings: { idTokenSignedResponseAlg: 'ES256' as const } }
  refuse({ es256 }, 'at the token endpoint', {
    'oidcc-client-test-invalid-sig-es256': ['id-token: bad signature', 'signature'],
  })

  const hs256 = { client: () => ({ metadata: { id_token_signed_response_alg: 'HS256' } }) }
  refuse({ hs256 }, 'at the token endpoint', {
    'oidcc-client-test-invalid-sig-hs256': ['id-token: HS256 with the public key', 'signature'],
  })
})

describe('the key', () => {
  accept(allFlows, { 'oidcc-client-test-kid-absent-single-jwks': 'id-token: missing kid' })

  run(allFlows, {
    async 'oidcc-client-test-kid-absent-multiple-jwks'(scene) {
      scene.openid.misbehave('id-token: missing kid', { times: Number.POSITIVE_INFINITY })
      scene.openid.misbehave('jwks: several keys without kid')
      await logIn(scene)
    },
    async 'oidcc-client-test-signing-key-rotation'(scene) {
      await logIn(scene)
      await scene.openid.rotateKeys()
      await logIn(scene)
      expect(keyFetches(scene)).toBe(2)
    },
    async 'oidcc-client-test-signing-key-rotation-just-before-signing'(scene) {
      await logIn(scene)
      const { transaction, answer } = await goOut(scene)
      await scene.openid.rotateKeys()
      // in the hybrid flow the first ID token was signed before, by a key that is kept
      await redeem(scene, await readAuthorizationResponse(scene.client, transaction, answer))
      expect(keyFetches(scene)).toBe(2)
    },
  })
})

describe('discovery', () => {
  test('oidcc-client-test-discovery-issuer-mismatch', async () => {
    await expectRefusedDiscovery('discovery: other issuer', 'issuer')
  })

  run(codeFlows, {
    async 'oidcc-client-test-discovery-openid-config'({ client, openid }) {
      expect(client.provider.metadata.token_endpoint).toBe(openid.tokenEndpoint)
      expect(openid.requests[0]).toMatchObject({ kind: 'discovery', path: '/.well-known/openid-configuration' })
    },
    async 'oidcc-client-test-discovery-jwks-uri-keys'(scene) {
      await logIn(scene)
      expect(keyFetches(scene)).toBe(1)
    },
  })
})

describe('the request', () => {
  run(hybridFlows, {
    async 'oidcc-client-test-nonce-unless-code-flow'(scene) {
      const { transaction } = await goOut(scene)
      const { query } = scene.openid.requests.find(({ kind }) => kind === 'authorization') ?? {}
      const nonce = new URLSearchParams(query).get('nonce')
      expect(nonce).toMatch(/^[\w-]{43}$/)
      expect(transaction.nonce).toBe(nonce)
    },
  })

  const mtls = {
    settings: { authMethod: 'tls_client_auth', senderConstrained: 'certificate', mtlsEndpointAliases: true },
  } as const
  run(
    { mtls },
    {
      async 'oidcc-client-test-mtls-endpoint-aliases'(scene) {
        await logIn(scene)
        const token = scene.openid.requests.find(({ kind }) => kind === 'token')
        expect(token?.headers.host).toMatch(/^127\.0\.0\.1:/)
        expect(token?.clientCertificateThumbprint).toBeDefined()
      },
    },
  )
})

describe('the answer', () => {
  run(
    { basicFormPost, hybridFormPost },
    {
      async 'oidcc-client-test-form-post-error'(scene) {
        scene.openid.misbehave('authorization-response: access_denied')
        const error = await refusalOf(() => logIn(scene))
        expect(error).toMatchObject({ code: 'ERR_AUTHORIZATION_REFUSED', error: 'access_denied' })
        expect(scene.openid.requests.map(({ kind }) => kind)).not.toContain('token')
      },
    },
  )
})

describe('userinfo', () => {
  run(allFlows, {
    async 'oidcc-client-test-userinfo-bearer-header'(scene) {
      await logIn(scene)
      await requestUserInfo(scene.client, scene.users.for('alice'))
      const { headers, body, query } = scene.openid.requests.at(-1) ?? {}
      expect(headers?.authorization).toBe(`Bearer ${scene.openid.issuedTokens.at(-1)?.token}`)
      expect([body, query]).toEqual(['', ''])
    },
    async 'oidcc-client-test-scope-userinfo-claims'(scene) {
      await logIn(scene)
      expect(await requestUserInfo(scene.client, scene.users.for('alice'))).toEqual({
        sub: 'alice',
        name: 'Alice Example',
      })
    },
    async 'oidcc-client-test-userinfo-invalid-sub'(scene) {
      await logIn(scene)
      scene.openid.misbehave('userinfo: other sub')
      const error = await refusalOf(() => requestUserInfo(scene.client, scene.users.for('alice')))
      expectValidationError(error, 'sub')
    },
  })

  const signed: Flow = { settings: { userinfoSignedResponseAlg: 'RS256' } }
  run(
    { signed },
    {
      async 'oidcc-client-test-userinfo-signed'(scene) {
        await logIn(scene)
        expect((await requestUserInfo(scene.client, scene.users.for('alice'))).name).toBe('Alice Example')
        for (const [name, check] of signedUserinfo) {
          scene.openid.misbehave(name)
          const error = await refusalOf(() => requestUserInfo(scene.client, scene.users.for('alice')))
          expectValidationError(error, check)
        }
        scene.openid.misbehave('userinfo: unsigned')
        await expect(requestUserInfo(scene.client, scene.users.for('alice'))).rejects.toThrow(TokenResponseError)
      },
    },
  )
})

describe('logout', () => {
  run(
    { basic },
    {
      async 'oidcc-client-test-rp-init-logout'(scene) {
        await expect(logOut(scene)).resolves.toBeUndefined()
      },
      async 'oidcc-client-test-rp-init-logout-other-state'(scene) {
        scene.openid.misbehave('logout-response: wrong state')
        expectValidationError(await refusalOf(() => logOut(scene)), 'state')
      },
      async 'oidcc-client-test-rp-init-logout-no-state'(scene) {
        scene.openid.misbehave('logout-response: missing state')
        expectValidationError(await refusalOf(() => logOut(scene)), 'state')
      },
    },
  )
})

/** A login, then a logout that the browser comes back from. */
async function logOut(scene: Scene): Promise<void> {
  const { idToken: idTokenHint } = await logIn(scene)
  const { postLogoutRedirectUri } = scene.openid
  const request = createEndSessionRequest(scene.client, { idTokenHint, postLogoutRedirectUri })
  checkEndSessionResponse(request, await browse(request.url, scene.sandbox))
}

describe('refresh', () => {
  run(allFlows, {
    async 'oidcc-client-test-refresh-token'(scene) {
      const first = await logIn(scene)
      const renewed = await scene.users.for('alice').getTokenSet({ force: true })
      expect(renewed.accessToken).not.toBe(first.accessToken)
      expect(renewed.accessToken).toBe(scene.openid.issuedTokens.at(-1)?.token)
    },
    async 'oidcc-client-test-refresh-token-invalid-issuer'(scene) {
      await logIn(scene)
      await expectRefusedRefresh(scene, 'id-token: wrong iss', 'iss')
    },
    async 'oidcc-client-test-refresh-token-invalid-sub'(scene) {
      await logIn(scene)
      await expectRefusedRefresh(scene, 'id-token: other sub', 'sub')
    },
  })
})

/** What is signed was registered to be so. */
const signedUserinfo = [
  ['userinfo: wrong iss', 'iss'],
  ['userinfo: wrong aud', 'aud'],
  ['userinfo: other sub', 'sub'],
  ['userinfo: alg none', 'alg'],
  ['userinfo: other alg', 'alg'],
  ['userinfo: bad signature', 'signature'],
  ['userinfo: HS256 with the public key', 'alg'],
  ['userinfo: unknown crit', 'crit'],
  ['userinfo: not yet valid', 'nbf'],
] as const

async function expectRefusedRefresh(
  { openid, users }: Scene,
  misbehaviour: Parameters<Scene['openid']['misbehave']>[0],
  check: string,
): Promise<void> {
  openid.misbehave(misbehaviour, { on: 'refresh', times: Number.POSITIVE_INFINITY })
  const error = await refusalOf(() => users.for('alice').getTokenSet({ force: true }))
  expectValidationError(error, check)
}

function keyFetches({ openid }: Scene): number {
  return openid.requests.filter(({ kind }) => kind === 'jwks').length
}
