import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { ClientOptions } from '../../src/client.js'
import { ValidationError } from '../../src/errors.js'
import { type ExpectedIdToken, validateIdToken } from '../../src/front-channel/id-token.js'
import type { Conform } from '../../src/provider.js'
import { claims, issuer, keyFor, now, openIdServer, sign } from '../openid-server.js'

const key = keyFor('RS256')

interface Circumstances {
  readonly client?: Partial<ClientOptions>
  readonly conform?: Conform
}

async function validate(
  members: Readonly<Record<string, unknown>>,
  expected: ExpectedIdToken = {},
  { client, conform }: Circumstances = {},
) {
  const server = openIdServer(key)
  return validateIdToken(server.client(client, conform), await sign(key, claims(members)), expected)
}

async function refusal(...asked: Parameters<typeof validate>): Promise<ValidationError> {
  const error = await validate(...asked).catch(error => error)
  expect(error).toBeInstanceOf(ValidationError)
  return error
}

const hashOf = (text: string, hash = 'sha256') => {
  const digest = createHash(hash).update(text).digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}

describe('validateIdToken', () => {
  test('returns the claims of an ID token that holds', async () => {
    expect(await validate({ email: 'user@example.com' })).toEqual(claims({ email: 'user@example.com' }))
  })

  test('returns claims that nobody can change', async () => {
    const { address } = await validate({ address: { country: 'NL' } })
    expect(() => Object.assign(address as object, { country: 'DE' })).toThrow(TypeError)
  })

  const wrong: readonly [string, string, Readonly<Record<string, unknown>>, ExpectedIdToken?][] = [
    ['another issuer', 'iss', { iss: 'https://evil.example' }],
    ['the issuer with a slash', 'iss', { iss: `${issuer}/` }],
    ['no issuer', 'iss', { iss: undefined }],
    ['no subject', 'sub', { sub: undefined }],
    ['an empty subject', 'sub', { sub: '' }],
    ['a subject that is a number', 'sub', { sub: 7 }],
    ['another subject than before', 'sub', {}, { subject: 'somebody else' }],
    ['no audience', 'aud', { aud: undefined }],
    ['another audience', 'aud', { aud: 'another app' }],
    ['a list of other audiences', 'aud', { aud: ['another app'] }],
    ['an audience that is an object', 'aud', { aud: { app: true } }],
    ['another audience beside it, and no azp', 'azp', { aud: ['app', 'another app'] }],
    ['an azp of somebody else', 'azp', { azp: 'another app' }],
    ['an azp of somebody else among audiences', 'azp', { aud: ['app', 'another app'], azp: 'another app' }],
    ['no exp', 'exp', { exp: undefined }],
    ['an exp that is a text', 'exp', { exp: String(now + 300) }],
    ['an exp over for longer than clocks are apart', 'exp', { exp: now - 60 }],
    ['no iat', 'iat', { iat: undefined }],
    ['an iat that is a text', 'iat', { iat: String(now) }],
    ['an iat further ahead than clocks are apart', 'iat', { iat: now + 61 }],
    ['an iat a week ago', 'iat', { iat: now - 604_800 }],
    ['an nbf further ahead than clocks are apart', 'nbf', { nbf: now + 61 }],
    ['an nbf that is a text', 'nbf', { nbf: 'now' }],
    ['no nonce', 'nonce', {}, { nonce: 'n' }],
    ['another nonce', 'nonce', { nonce: 'm' }, { nonce: 'n' }],
    ['a nonce nobody sent', 'nonce', { nonce: 'm' }],
    ['a nonce that is null', 'nonce', { nonce: null }],
    ['an at_hash of another token', 'at_hash', { at_hash: hashOf('other') }, { accessToken: 'token' }],
    [
      'an at_hash of all the hash',
      'at_hash',
      { at_hash: createHash('sha256').update('token').digest('base64url') },
      { accessToken: 'token' },
    ],
    ['a c_hash of another code', 'c_hash', { c_hash: hashOf('other') }, { code: 'code' }],
    ['an s_hash of another state', 's_hash', { s_hash: hashOf('other') }, { state: 'state' }],
    ['no at_hash where it has to be', 'at_hash', {}, { accessToken: 'token', required: ['at_hash'] }],
    ['no c_hash where it has to be', 'c_hash', {}, { code: 'code', required: ['c_hash'] }],
    ['no s_hash where it has to be', 's_hash', {}, { state: 'state', required: ['s_hash'] }],
    ['no acr', 'acr', {}, { essentialAcr: ['high'] }],
    ['another acr', 'acr', { acr: 'low' }, { essentialAcr: ['high', 'higher'] }],
    ['a login longer ago than max_age', 'auth_time', { auth_time: now - 161 }, { maxAgeSeconds: 100 }],
    ['no auth_time, though max_age was sent', 'auth_time', {}, { maxAgeSeconds: 100 }],
    ['a login in the future, though max_age was sent', 'auth_time', { auth_time: now + 61 }, { maxAgeSeconds: 100 }],
    ['an auth_time that is a text', 'auth_time', { auth_time: 'today' }],
  ]
  for (const [name, check, members, expected] of wrong)
    test(`refuses ${name} and names ${check}`, async () => {
      expect((await refusal(members, expected)).check).toBe(check)
    })

  const right: readonly [string, Readonly<Record<string, unknown>>, ExpectedIdToken?][] = [
    ['a list with the client alone', { aud: ['app'] }],
    ['other audiences, issued to the client', { aud: ['app', 'http://org.wso2.apimgt/gateway'], azp: 'app' }],
    ['an exp over for as long as clocks are apart', { exp: now - 59 }],
    ['an iat as far ahead as clocks are apart', { iat: now + 60 }],
    ['an nbf as far ahead as clocks are apart', { nbf: now + 60 }],
    ['the nonce that was sent', { nonce: 'n' }, { nonce: 'n' }],
    [
      'hashes of what came with it',
      { at_hash: hashOf('token'), c_hash: hashOf('code'), s_hash: hashOf('state') },
      { accessToken: 'token', code: 'code', state: 'state' },
    ],
    ['a hash of what is not known', { c_hash: hashOf('code') }],
    ['an acr that was asked for', { acr: 'higher' }, { essentialAcr: ['high', 'higher'] }],
    ['a login as long ago as max_age', { auth_time: now - 160 }, { maxAgeSeconds: 100 }],
    ['the same subject', {}, { subject: 'user' }],
  ]
  for (const [name, members, expected] of right)
    test(`takes ${name}`, async () => {
      expect(await validate(members, expected)).toEqual(claims(members))
    })

  test('a provider may leave out the check of acr', async () => {
    const expected = { essentialAcr: ['urn:openbanking:psd2:sca'] }
    const members = { acr: 'urn:mace:incommon:iap:silver' }
    expect((await refusal(members, expected)).message).toContain('urn:mace:incommon:iap:silver')
    expect(await validate(members, expected, { conform: { relax: ['acr'] } })).toMatchObject(members)
  })

  test('by registration auth_time has to be there', async () => {
    const client = { metadata: { require_auth_time: true } }
    expect((await refusal({}, {}, { client })).check).toBe('auth_time')
  })

  test('by registration a login may be so long ago', async () => {
    const client = { metadata: { default_max_age: 100 } }
    expect((await refusal({ auth_time: now - 161 }, {}, { client })).check).toBe('auth_time')
    await validate({ auth_time: now - 161 }, { maxAgeSeconds: 200 }, { client })
  })

  for (const [alg, hash] of [
    ['ES256', 'sha256'],
    ['PS384', 'sha384'],
    ['ES512', 'sha512'],
    ['EdDSA', 'sha512'],
  ] as const)
    test(`reads at_hash by the hash of ${alg}`, async () => {
      const other = keyFor(alg)
      const client = openIdServer(other).client({ metadata: { id_token_signed_response_alg: alg } })
      const idToken = await sign(other, claims({ at_hash: hashOf('token', hash) }))
      expect(await validateIdToken(client, idToken, { accessToken: 'token' })).toMatchObject({ sub: 'user' })
    })

  test('shows no token, code, state or nonce that a server puts where something else belongs', async () => {
    const expected = {
      accessToken: 'access',
      code: 'the-code',
      state: 'the-state',
      nonce: 'the-nonce',
      essentialAcr: ['a'],
    }
    for (const secret of ['access', 'the-code', 'the-state', 'the-nonce'])
      for (const claim of ['iss', 'aud', 'azp', 'acr']) {
        const { message } = await refusal({ nonce: 'the-nonce', [claim]: secret }, expected)
        expect(message).not.toContain(secret)
      }
  })
})
