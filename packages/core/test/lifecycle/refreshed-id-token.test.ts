/** Refreshes of a login whose ID token was checked (OpenID Connect Core §12.2). */
import { createSecretKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { validateIdTokenOf } from '../../src/front-channel/id-token.js'
import {
  authorizationCode,
  createUserTokenSources,
  type Grant,
  memoryStore,
  type TokenStore,
  ValidationError,
} from '../../src/index.js'
import { claims, keyFor, now, openIdServer, sign } from '../openid-server.js'
import { json } from '../scripted-server.js'

const key = keyFor('RS256')
const login = { nonce: 'n', auth_time: now - 10, azp: 'app', email: 'user@example.com' }

let logins = 0

/** A code whose ID token is checked, with a nonce. */
function checkedLogin(nonce = 'n'): Grant {
  const grant = authorizationCode({ code: `code-${++logins}` })
  return {
    ...grant,
    validate: async (tokenSet, { client }) => void (await validateIdTokenOf(tokenSet, client, { nonce })),
  }
}

/** A user who has logged in, at a server that rotates refresh tokens and sends the ID token given with each refresh. */
async function loggedIn(refreshed: () => Promise<string> | string | undefined, grant: Grant = checkedLogin()) {
  const server = openIdServer(key)
  const sent: (string | undefined)[] = []
  server.tokens = async form => {
    if (form.refresh_token !== undefined) sent.push(form.refresh_token)
    const id_token = await (form.grant_type === 'refresh_token' ? refreshed() : sign(key, claims(login)))
    const number = sent.length
    return json(200, {
      access_token: `access-${number}`,
      refresh_token: `refresh-${number}`,
      token_type: 'Bearer',
      expires_in: 3600,
      id_token,
    })
  }
  const store = memoryStore()
  /** What another process has of it, that read its text from the store. */
  const elsewhere = () => {
    const asText: TokenStore = { ...store, secrecy: 'elsewhere' }
    return createUserTokenSources({ client: server.client(), store: asText }).for('alice')
  }
  const user = elsewhere()
  const tokenSet = await user.redeem(grant)
  return { server, user, elsewhere, sent, tokenSet }
}

const refreshedBy = (members: Readonly<Record<string, unknown>>) => () =>
  sign(key, claims({ nonce: undefined, auth_time: undefined, ...members }))

describe('the claims of a login', () => {
  test('are those of its ID token, and stay over a restart', async () => {
    const { tokenSet, elsewhere } = await loggedIn(() => undefined)
    expect(tokenSet.idTokenClaims).toEqual(claims(login))
    const { idTokenClaims } = await elsewhere().getTokenSet()
    expect(idTokenClaims).toEqual(claims(login))
    expect(Object.isFrozen(idTokenClaims)).toBe(true)
  })

  test('stay when a refresh brings no ID token', async () => {
    const { user } = await loggedIn(() => undefined)
    expect((await user.getTokenSet({ force: true })).idTokenClaims).toEqual(claims(login))
  })

  test('are those of the refreshed ID token, with what it leaves out of when and how the login was', async () => {
    const { user, elsewhere } = await loggedIn(refreshedBy({ email: 'new@example.com' }))
    const { nonce, auth_time } = login
    const expected = claims({ email: 'new@example.com', nonce, auth_time })
    expect((await user.getTokenSet({ force: true })).idTokenClaims).toEqual(expected)
    expect((await elsewhere().getTokenSet()).idTokenClaims).toEqual(expected)
  })

  test('are not shown when a token set is printed', async () => {
    const { tokenSet } = await loggedIn(() => undefined)
    expect(JSON.stringify(tokenSet)).not.toContain('user@example.com')
  })

  test('go with the next login, whose ID token nobody has checked', async () => {
    const { server, user } = await loggedIn(() => undefined)
    server.clock.advance(1_000)
    expect((await user.redeem(authorizationCode({ code: `code-${++logins}` }))).idTokenClaims).toBeUndefined()
  })

  test('go with tokens that are imported', async () => {
    const { user } = await loggedIn(() => undefined)
    await user.import({ refreshToken: 'another' })
    expect((await user.getTokenSet()).idTokenClaims).toBeUndefined()
  })
})

describe('a refreshed ID token', () => {
  const right: readonly [string, Readonly<Record<string, unknown>>][] = [
    ['without nonce and auth_time', {}],
    ['with the nonce of the login', { nonce: 'n' }],
    ['with the time of the login', { auth_time: now - 10 }],
    ['for further audiences', { aud: ['app', 'another'], azp: 'app' }],
  ]
  for (const [name, members] of right)
    test(`is taken ${name}`, async () => {
      const { user } = await loggedIn(refreshedBy(members))
      expect((await user.getTokenSet({ force: true })).accessToken).toBe('access-1')
    })

  const wrong: readonly [string, string, Readonly<Record<string, unknown>>][] = [
    ['about somebody else', 'sub', { sub: 'mallory' }],
    ['of another issuer', 'iss', { iss: 'https://evil.example' }],
    ['for another client', 'aud', { aud: 'another' }],
    ['issued to another client', 'azp', { azp: 'another' }],
    ['with another nonce', 'nonce', { nonce: 'm' }],
    ['with the time of another login', 'auth_time', { auth_time: now }],
    ['that is over', 'exp', { exp: now - 100 }],
    ['without the time it was issued', 'iat', { iat: undefined }],
    ['for another access token', 'at_hash', { at_hash: 'of-another' }],
  ]
  for (const [name, check, members] of wrong)
    test(`is refused ${name}; the access token is not handed out, the refresh token is kept`, async () => {
      const { server, user, elsewhere, sent } = await loggedIn(refreshedBy(members))
      const error = await user.getTokenSet({ force: true }).catch(error => error)
      expect(error).toBeInstanceOf(ValidationError)
      expect(error).toMatchObject({ check, provider: 'example' })

      server.clock.advance(3_600_000)
      await elsewhere()
        .getTokenSet()
        .catch(() => {})
      expect(sent).toEqual(['refresh-0', 'refresh-1'])
    })

  test('is refused where it lacks an audience of the login', async () => {
    const server = openIdServer(key)
    const audiences = [['app', 'api'], ['app']]
    server.tokens = async () =>
      json(200, {
        access_token: 'access',
        refresh_token: 'refresh',
        token_type: 'Bearer',
        id_token: await sign(
          key,
          claims({ aud: audiences.shift(), azp: 'app', nonce: audiences.length ? 'n' : undefined }),
        ),
      })
    const user = createUserTokenSources({ client: server.client(), store: memoryStore() }).for('alice')
    await user.redeem(checkedLogin())
    expect(await user.getTokenSet({ force: true }).catch(({ check }) => check)).toBe('aud')
  })

  test('is refused with a signature that does not hold', async () => {
    const { user } = await loggedIn(() => sign({ ...keyFor('RS256'), kid: key.kid }, claims()))
    expect(await user.getTokenSet({ force: true }).catch(({ check }) => check)).toBe('signature')
  })

  test('is not looked at where nobody has checked that of the login', async () => {
    const { user } = await loggedIn(() => 'no JWT at all', authorizationCode({ code: `code-${++logins}` }))
    const tokenSet = await user.getTokenSet({ force: true })
    expect(tokenSet).toMatchObject({ accessToken: 'access-1', idToken: 'no JWT at all', idTokenClaims: undefined })
  })
})

test('the keys are there before a refresh token is sent: nobody holds its answer while they are fetched', async () => {
  const { server, elsewhere } = await loggedIn(refreshedBy({}))
  const order: string[] = []
  const { tokens } = server
  server.answer = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    order.push('keys')
    return json(200, { keys: server.keys })
  }
  server.tokens = form => {
    order.push('tokens')
    return tokens(form)
  }
  server.clock.advance(3_700_000)
  await elsewhere()
    .getTokenSet()
    .catch(() => {})
  expect(order).toEqual(['keys', 'tokens'])
})

test('a refresh that brings no ID token needs no keys', async () => {
  const { server, elsewhere } = await loggedIn(() => undefined)
  server.answer = () => json(503, {})
  server.clock.advance(3_700_000)
  expect((await elsewhere().getTokenSet()).accessToken).toBe('access-1')
})

test('keys of the server are not fetched where its ID tokens are signed by the secret of the client', async () => {
  const server = openIdServer()
  const clientSecret = 'a secret that is long enough for a MAC'
  const mac = { ...key, alg: 'HS256', privateKey: createSecretKey(Buffer.from(clientSecret)) }
  server.tokens = async ({ grant_type }) =>
    json(200, {
      access_token: `by-${grant_type}`,
      refresh_token: 'refresh',
      token_type: 'Bearer',
      id_token: await sign(mac, claims({ nonce: grant_type === 'refresh_token' ? undefined : 'n' })),
    })
  const client = server.client({ clientSecret, metadata: { id_token_signed_response_alg: 'HS256' } })
  const user = createUserTokenSources({ client, store: memoryStore() }).for('alice')
  await user.redeem(checkedLogin())
  expect((await user.getTokenSet({ force: true })).accessToken).toBe('by-refresh_token')
  expect(server.fetches).toBe(0)
})
