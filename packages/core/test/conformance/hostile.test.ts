/** What a hostile or broken server may send, whether or not a test plan has thought of it. */
import type { Misbehaviour } from '@grantkit/sandbox'
import { afterEach, describe, expect, test } from 'vitest'
import { userInfo } from '../../src/index.js'
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
} from './flows.js'
import { begin, callApi, expectRefusedLogin, type Flow, logIn, type Moment, type Scene } from './scene.js'

let scene: Scene
afterEach(() => scene?.sandbox.stop())

const jarm: Flow = { request: { responseMode: 'query.jwt' } }
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
    scene = await begin(flow)
    const tokenSet = await logIn(scene)
    expect(tokenSet.idTokenClaims?.sub).toBe('alice')
    expect(await callApi(scene)).toBe(200)
    expect((await userInfo(scene.client, scene.users.for('alice'))).sub).toBe('alice')
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
  ['empty signature', /^(signature|jwt)$/],
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
  ['deep claims', /^(jwt|response|id_token)$/],
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
  ['weak key', /^(signature|kid)$/],
  ['encrypted with RSA1_5', 'encryption'],
  ['encrypted to another key', 'encryption'],
  ['encrypted and not signed', 'encryption'],
  ['encrypted and compressed', 'encryption'],
  ["a stranger's", /^(signature|iss)$/],
]

const refused = (prefix: string, flow: Flow, moment: Moment, rows: readonly [string, string | RegExp][]) =>
  test.each(rows)(`${prefix}: %s`, async (name, check) => {
    scene = await begin(flow)
    scene.openid.misbehave(`${prefix}: ${name}` as Misbehaviour, { times: Number.POSITIVE_INFINITY })
    await expectRefusedLogin(scene, check, moment)
  })

describe('an ID token in front', () => {
  refused('id-token', hybrid, 'in front', [
    ...idToken,
    ['wrong c_hash', 'c_hash'],
    ['missing c_hash', 'c_hash'],
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
    ['an ID token', 'code'],
  ])
})
