import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ClientOptions } from '../../src/client.js'
import { isGrantKitError } from '../../src/errors.js'
import { type LogoutTokenOptions, readLogoutToken } from '../../src/front-channel/logout-token.js'
import { failure } from '../answering.js'
import { encrypt, issuer, keyFor, now, openIdServer, sign } from '../openid-server.js'

const key = keyFor('RS256')
const event = 'http://schemas.openid.net/event/backchannel-logout'
let count = 0

/** A logout token as it should be; `members` replace or, with `undefined`, take out. */
function tokenOf(members: Readonly<Record<string, unknown>> = {}, header: Readonly<Record<string, unknown>> = {}) {
  const claims = {
    ...{ iss: issuer, aud: 'app', iat: now, exp: now + 120, jti: `logout-${++count}`, sub: 'alice', sid: 'session-1' },
    ...{ events: { [event]: {} }, ...members },
  }
  return sign(key, claims, { typ: 'logout+jwt', ...header })
}

async function read(token: Promise<string> | string, options?: LogoutTokenOptions, client?: Partial<ClientOptions>) {
  return readLogoutToken(openIdServer(key).client(client), await token, options)
}

describe('readLogoutToken', () => {
  test('says whose session is over', async () => {
    expect(await read(tokenOf())).toEqual({ subject: 'alice', sessionId: 'session-1' })
    expect(await read(tokenOf({ sid: undefined }))).toEqual({ subject: 'alice' })
    expect(await read(tokenOf({ sub: undefined }))).toEqual({ sessionId: 'session-1' })
  })

  test.each([['application/logout+jwt'], ['JWT'], [undefined]])('takes typ %s', async typ => {
    expect(await read(tokenOf({}, { typ }))).toMatchObject({ subject: 'alice' })
  })

  test('takes several audiences, and an event that says more', async () => {
    const token = tokenOf({ aud: ['other', 'app'], events: { [event]: { why: 'idle' }, 'urn:other': {} } })
    expect(await read(token)).toMatchObject({ subject: 'alice' })
  })

  const wrong: readonly [string, string, object, object?][] = [
    ['another issuer', 'iss', { iss: 'https://evil.example' }],
    ['no issuer', 'iss', { iss: undefined }],
    ['another audience', 'aud', { aud: 'other' }],
    ['no audience', 'aud', { aud: undefined }],
    ['no iat', 'iat', { iat: undefined }],
    ['an iat to come', 'iat', { iat: now + 61 }],
    ['no exp', 'exp', { exp: undefined }],
    ['an exp that is over', 'exp', { exp: now - 61 }],
    ['no jti', 'jti', { jti: undefined }],
    ['a jti that is a number', 'jti', { jti: 7 }],
    ['a nonce', 'nonce', { nonce: 'n' }],
    ['a nonce that is null', 'nonce', { nonce: null }],
    ['no events', 'events', { events: undefined }],
    ['another event', 'events', { events: { 'urn:other': {} } }],
    ['events that are a list', 'events', { events: [event] }],
    ['an event that is no object', 'events', { events: { [event]: true } }],
    ['neither sub nor sid', 'sub', { sub: undefined, sid: undefined }],
    ['a sub that is a number', 'sub', { sub: 7 }],
    ['an empty sid', 'sid', { sid: '' }],
    ['the typ of another kind', 'typ', {}, { typ: 'at+jwt' }],
    ['a kid that nobody has', 'kid', {}, { kid: 'other' }],
  ]
  test.each(wrong)('refuses %s', async (_, check, members, header) => {
    const error = await failure(read(tokenOf(members as never, header as never)))
    expect(error).toMatchObject({ name: 'ValidationError', check, provider: 'example' })
  })

  test('refuses an ID token, and one that somebody else has signed', async () => {
    const idToken = sign(key, { iss: issuer, aud: 'app', sub: 'alice', iat: now, exp: now + 60 })
    expect(await failure(read(idToken))).toMatchObject({ check: 'events' })
    const forged = sign({ ...keyFor('RS256'), kid: key.kid }, { iss: issuer, aud: 'app' }, { typ: 'logout+jwt' })
    expect(await failure(read(forged))).toMatchObject({ check: 'signature' })
  })

  test.each([undefined, null, '', 'logout'])('refuses %j', async token => {
    expect(await failure(read(token as never))).toMatchObject({ check: 'jwt' })
  })

  test('takes each once, of whichever client', async () => {
    const token = await tokenOf({ aud: ['app', 'other'] })
    await read(token)
    expect(await failure(read(token))).toMatchObject({ check: 'jti' })
    expect(await read(token, {}, { clientId: 'other' })).toMatchObject({ subject: 'alice' })
  })

  test('asks what all processes share, where that is given', async () => {
    const asked: unknown[] = []
    const takeOnce = async (id: string, expiresAt: number) => asked.push([JSON.parse(id), expiresAt]) === 1
    const token = await tokenOf({ jti: 'j-1' })
    expect(await read(token, { takeOnce })).toMatchObject({ subject: 'alice' })
    expect(await failure(read(token, { takeOnce }))).toMatchObject({ check: 'jti' })
    expect(asked[0]).toEqual([[issuer, 'app', 'j-1'], (now + 180) * 1000])
  })

  test('one that does not hold takes nothing', async () => {
    expect(await failure(read(tokenOf({ jti: 'j-2', sub: 7 })))).toMatchObject({ check: 'sub' })
    expect(await read(tokenOf({ jti: 'j-2' }))).toMatchObject({ subject: 'alice' })
  })

  test('is encrypted where ID tokens are, and refused where it is not', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const client = {
      metadata: { id_token_encrypted_response_alg: 'RSA-OAEP', id_token_encrypted_response_enc: 'A256GCM' },
      decryptionKeys: [{ key: privateKey }],
    }
    const jwe = encrypt(publicKey, await tokenOf(), { alg: 'RSA-OAEP', enc: 'A256GCM' })
    expect(await read(jwe, {}, client)).toMatchObject({ subject: 'alice' })
    expect(await failure(read(tokenOf(), {}, client))).toMatchObject({ check: 'encryption' })
  })

  test.each([
    ['takeOnce', { takeOnce: true }],
    ['once', { once: () => true }],
  ])('refuses a wrong %s', async (option, options) => {
    expect(await failure(read(tokenOf(), options as never))).toMatchObject({ option })
  })

  test('refuses whatever its claims are, with an error of its own', async () => {
    const client = openIdServer(key).client()
    const claims = fc.record({ sub: fc.jsonValue(), sid: fc.jsonValue(), events: fc.jsonValue(), jti: fc.jsonValue() })
    await fc.assert(
      fc.asyncProperty(claims, async members => {
        const error = await failure(readLogoutToken(client, await tokenOf(members)))
        expect(isGrantKitError(error) && error.code).toBe('ERR_VALIDATION')
      }),
      { numRuns: 60 },
    )
  })
})
