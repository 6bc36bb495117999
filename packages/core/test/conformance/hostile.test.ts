/** What a hostile or broken server may send, whether or not a test plan has thought of it. */
import type { Misbehaviour } from '@grantkit/sandbox'
import { describe, expect, test } from 'vitest'
import { requestUserInfo } from '../../src/index.js'
import {
  basic,
  basicFormPost,
  fapi1,
  fapi1Jarm,
  fapi2,
  fapi2Dpop,
  fapi2MessageSigning,
  hybrid,
  hybridFormPost,
  jarm,
} from './flows.js'
import {
  begin,
  callApi,
  expectRefusedLogin,
  expectValidationError,
  type Flow,
  logIn,
  type Moment,
  misbehaving,
  refusalOf,
  type Scene,
} from './scene.js'

const jarmFragment: Flow = { request: { responseMode: 'fragment.jwt' } }
const jarmFormPost: Flow = { request: { responseMode: 'form_post.jwt' } }
const flows = {
  basic,
  basicFormPost,
  hybrid,
  hybridFormPost,
  jarm,
  jarmFragment,
  jarmFormPost,
  fapi1,
  fapi1Jarm,
  fapi2,
  fapi2Dpop,
  fapi2MessageSigning,
}

describe('the good way', () => {
  test.each(Object.entries(flows))('%s', async (_name, flow) => {
    await using scene = await begin(flow)
    const tokenSet = await logIn(scene)
    expect(tokenSet.idTokenClaims?.sub).toBe('alice')
    expect(await callApi(scene)).toBe(200)
    expect((await requestUserInfo(scene.client, scene.users.for('alice'))).sub).toBe('alice')
  })
})

const jwt: readonly [string, string | RegExp][] = [
  ['wrong iss', 'iss'],
  ['iss with a slash', 'iss'],
  ['missing iss', 'iss'],
  ['wrong aud', 'aud'],
  ['aud that starts right', 'aud'],
  ['missing aud', 'aud'],
  ['empty aud', 'aud'],
  ['expired', 'exp'],
  ['missing exp', 'exp'],
  ['exp as text', 'exp'],
  ['not yet valid', 'nbf'],
  ['alg none', 'alg'],
  ['empty signature', 'signature'],
  ['bad signature', 'signature'],
  ['HS256 with the public key', 'alg'],
  ['HS256 with the client secret', 'alg'],
  ['other alg', 'alg'],
  ['other alg ES256', 'alg'],
  ['unknown crit', 'crit'],
  ['empty crit', 'crit'],
  ['unknown kid', 'kid'],
  ['kid as a path', 'kid'],
  ['another key', 'signature'],
  ['key in the header', 'signature'],
  ['key at a URL', 'signature'],
  ['two parts', 'jwt'],
  ['claims as array', 'jwt'],
  ['claims not JSON', 'jwt'],
  // by the browser it is too long to be looked at
  ['deep claims', /^(jwt|response)$/],
]

const idToken: readonly [string, string | RegExp][] = [
  ...jwt,
  ['several aud without azp', 'azp'],
  ['wrong azp', 'azp'],
  ['missing sub', 'sub'],
  ['empty sub', 'sub'],
  ['sub as number', 'sub'],
  ['missing iat', 'iat'],
  ['iat a week ago', 'iat'],
  ['iat in the future', 'iat'],
  ['wrong nonce', 'nonce'],
  ['missing nonce', 'nonce'],
  ['weak key', 'kid'],
  ['encrypted with RSA1_5', 'encryption'],
  ['encrypted to another key', 'encryption'],
  ['encrypted and not signed', 'encryption'],
  ['encrypted and compressed', 'encryption'],
  ["a stranger's", 'signature'],
]

const refused = (prefix: string, flow: Flow, moment: Moment, rows: readonly [string, string | RegExp][]) =>
  test.each(rows)(`${prefix}: %s`, async (name, check) => {
    await using scene = await misbehaving(flow, `${prefix}: ${name}` as Misbehaviour)
    await expectRefusedLogin(scene, check, moment)
  })

describe('an ID token in front', () => {
  refused('id-token', hybrid, 'in front', [
    ...idToken,
    ['wrong c_hash', 'c_hash'],
    ['missing c_hash', 'c_hash'],
    ['huge claims', 'response'],
    ['wrong s_hash', 's_hash'],
  ])
})

describe('an ID token from the token endpoint', () => {
  refused('id-token', basic, 'at the token endpoint', [...idToken, ['wrong at_hash', 'at_hash']])
})

describe('a signed answer', () => {
  refused('jarm', jarm, 'in front', [
    ...jwt,
    ['wrong state', 'state'],
    ['missing state', 'state'],
    ['missing code', 'code'],
    ['code as number', 'code'],
    ['huge claims', 'response'],
    ['an ID token', 'code'],
  ])
})

describe('signed claims of the user', () => {
  const signed: Flow = { settings: { userinfoSignedResponseAlg: 'RS256' } }
  // OpenID Connect Core §5.3.2: `iss` and `aud` should be there, `exp` may be
  const optional: readonly string[] = ['missing iss', 'missing aud', 'missing exp']
  const rows = jwt.filter(([name]) => !optional.includes(name) && name !== 'two parts')
  const about = (scene: Scene) => requestUserInfo(scene.client, scene.users.for('alice'))

  test.each(rows)('userinfo: %s', async (name, check) => {
    await using scene = await begin(signed)
    await logIn(scene)
    scene.openid.misbehave(`userinfo: ${name}` as Misbehaviour)
    expectValidationError(await refusalOf(() => about(scene)), check)
  })

  test.each<Misbehaviour>(['userinfo: two parts', 'userinfo: huge claims'])('%s', async misbehaviour => {
    await using scene = await misbehaving(signed, misbehaviour)
    await logIn(scene)
    expect(await refusalOf(() => about(scene))).toMatchObject({ code: 'ERR_TOKEN_RESPONSE' })
  })

  test.each([...optional, 'aud as array', 'missing kid', 'duplicate claims'])('userinfo: %s is right', async name => {
    await using scene = await misbehaving(signed, `userinfo: ${name}` as Misbehaviour)
    await logIn(scene)
    expect((await about(scene)).name).toBe('Alice Example')
  })
})

describe('the second ID token of the hybrid flow', () => {
  test.each<[Misbehaviour, string]>([
    ['id-token: other sub', 'sub'],
    ['id-token: wrong iss', 'iss'],
    ['id-token: wrong nonce', 'nonce'],
    ['id-token: wrong at_hash', 'at_hash'],
    ['id-token: bad signature', 'signature'],
  ])('%s', async (name, check) => {
    await using scene = await misbehaving(hybrid, name, { on: 'token' })
    await expectRefusedLogin(scene, check, 'at the token endpoint')
  })
})

describe('an ID token that is encrypted', () => {
  const encrypted: Flow = {
    settings: { idTokenEncryption: { alg: 'RSA-OAEP-256', enc: 'A128CBC-HS256' } },
    client: ({ openid }) => ({
      metadata: { id_token_signed_response_alg: 'RS256', id_token_encrypted_response_alg: 'RSA-OAEP-256' },
      decryptionKeys: [{ key: openid.signingKey }],
    }),
  }
  test('is read', async () => {
    await using scene = await begin(encrypted)
    expect((await logIn(scene)).idTokenClaims?.sub).toBe('alice')
  })

  refused('id-token', encrypted, 'at the token endpoint', [
    ['not encrypted', 'encryption'],
    ['encrypted to another key', 'encryption'],
    ['encrypted with RSA1_5', 'encryption'],
    ['encrypted and compressed', 'encryption'],
    ['encrypted and not signed', 'encryption'],
    ['wrong iss', 'iss'],
    ['another key', 'signature'],
  ])
})

describe('what was asked for', () => {
  test.each<[Flow, Misbehaviour, string]>([
    [{ request: { maxAgeSeconds: 60 } }, 'id-token: old auth_time', 'auth_time'],
    [{ request: { maxAgeSeconds: 60 } }, 'id-token: missing auth_time', 'auth_time'],
    [{ request: { essentialAcr: 'urn:strong' } }, 'id-token: wrong acr', 'acr'],
    [{ request: { essentialAcr: 'urn:strong' } }, 'id-token: missing acr', 'acr'],
    [
      { request: { openbankingIntentId: 'consent-1' } },
      'id-token: wrong openbanking_intent_id',
      'openbanking_intent_id',
    ],
  ])('%o %s', async (flow, misbehaviour, check) => {
    await using scene = await begin(flow)
    await logIn(scene)
    scene.openid.misbehave(misbehaviour)
    expectValidationError(await refusalOf(() => logIn(scene)), check)
  })
})

describe('what looks odd and is right', () => {
  test.each<[Flow, Misbehaviour]>([
    [basic, 'id-token: aud as array'],
    [basic, 'id-token: several aud with azp'],
    [basic, 'id-token: missing kid'],
    [basic, 'id-token: missing at_hash'],
    [basic, 'id-token: missing c_hash'],
    [basic, 'id-token: missing s_hash'],
    [basic, 'id-token: missing openbanking_intent_id'],
    // of a member that is there twice the last one counts (RFC 7519 §4), and the server has signed both
    [basic, 'id-token: duplicate claims'],
    [hybrid, 'id-token: duplicate claims'],
    [hybrid, 'id-token: missing s_hash'],
    // what a token is bound to may be known to the server alone: it is the server's format
    [fapi2Dpop, 'access-token: missing cnf'],
    [jarm, 'jarm: long exp'],
    [jarm, 'jarm: aud as array'],
    [jarm, 'jarm: missing kid'],
    [jarm, 'jarm: duplicate claims'],
  ])('%o %s', async (flow, misbehaviour) => {
    await using scene = await misbehaving(flow, misbehaviour)
    await logIn(scene)
    expect(await callApi(scene)).toBe(200)
  })
})
