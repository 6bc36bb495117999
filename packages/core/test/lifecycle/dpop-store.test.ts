/** What is kept of tokens that are bound to a key, and who may use it afterwards: another process, with the same key or not. */
import { describe, expect, test } from 'vitest'
import { dpopKey } from '../../src/dpop.js'
import {
  authorizationCode,
  type ClientOptions,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  memoryStore,
  none,
  type TokenStore,
} from '../../src/index.js'
import { type Answer, json, type ScriptedServer, scriptedServer, setUp, start } from '../scripted-server.js'

const [ours, another] = [dpopKey(), dpopKey()]
const grant = () =>
  authorizationCode({ code: 'c', redirectUri: 'https://app.example/cb', codeVerifier: 'v'.repeat(43) })

/** Binds what it issues to a proof, where there is one. */
const issue: Answer = ({ number, headers }) =>
  json(200, {
    access_token: `token-${number}`,
    refresh_token: `refresh-${number}`,
    token_type: headers.dpop === undefined ? 'Bearer' : 'DPoP',
    expires_in: 3600,
  })

/** A store of texts, as a database is: what a process knows does not get to the next but by these. */
function texts() {
  const memory = memoryStore()
  let last = ''
  const store = (): TokenStore => ({
    ...memory,
    async get(key) {
      const kept = await memory.get(key)
      return kept && { version: kept.version, value: kept.value }
    },
    compareAndSet(key, expected, { version, value, keepForMs }) {
      last = value
      return memory.compareAndSet(key, expected, { version, value, keepForMs })
    },
  })
  return { store, last: () => JSON.parse(last) }
}

/** A process that starts now, with a client of its own. */
function started(server: ScriptedServer, store: TokenStore, options: Partial<ClientOptions> = {}) {
  const { client } = setUp(undefined, { transport: server.transport, clock: { now: () => start }, ...options })
  const users = createUserTokenSources({ client, store })
  return { user: users.for('alice'), application: createTokenSource({ client, store, grant: clientCredentials() }) }
}

describe('after a restart', () => {
  test('a DPoP token is a DPoP token of its key', async () => {
    const { store } = texts()
    const server = scriptedServer(issue)
    await started(server, store(), { dpop: ours }).user.redeem(grant())
    const tokenSet = await started(server, store(), { dpop: ours }).user.getTokenSet()
    expect(tokenSet).toMatchObject({ accessToken: 'token-1', tokenType: 'DPoP', jkt: ours.thumbprint })
    expect(server.requests).toHaveLength(1)
  })

  test("an application's token is used with its own key alone, and by its own type", async () => {
    const { store } = texts()
    const server = scriptedServer(issue)
    const tokens = []
    for (const dpop of [ours, another, undefined, ours, another, undefined])
      tokens.push(await started(server, store(), { dpop }).application.getTokenSet())
    const each = [
      ['token-1', 'DPoP', ours.thumbprint],
      ['token-2', 'DPoP', another.thumbprint],
      ['token-3', 'Bearer', undefined],
    ]
    expect(tokens.map(({ accessToken, tokenType, jkt }) => [accessToken, tokenType, jkt])).toEqual([...each, ...each])
  })

  test("a public client's refresh token is not sent with another key, or none, and is as good as before with its own", async () => {
    const { store } = texts()
    const server = scriptedServer(issue)
    const publicClient = { auth: none() }
    await started(server, store(), { ...publicClient, dpop: ours }).user.redeem(grant())
    for (const dpop of [another, undefined])
      await expect(started(server, store(), { ...publicClient, dpop }).user.getTokenSet()).rejects.toMatchObject({
        code: 'ERR_LOGIN_REQUIRED',
        reason: 'other_dpop_key',
      })
    expect(server.requests).toHaveLength(1)
    const { user } = started(server, store(), { ...publicClient, dpop: ours })
    expect((await user.getTokenSet({ force: true })).accessToken).toBe('token-2')
  })

  test('a login with another key is another matter', async () => {
    const { store } = texts()
    const server = scriptedServer(issue)
    const publicClient = { auth: none() }
    await started(server, store(), { ...publicClient, dpop: ours }).user.redeem(grant())
    await started(server, store(), { ...publicClient, dpop: another }).user.redeem(grant())
    const { user } = started(server, store(), { ...publicClient, dpop: another })
    expect((await user.getTokenSet({ force: true })).jkt).toBe(another.thumbprint)
    await expect(started(server, store(), { ...publicClient, dpop: ours }).user.getTokenSet()).rejects.toMatchObject({
      reason: 'other_dpop_key',
    })
  })

  test('a refresh token that came with no proof is sent with one', async () => {
    const { store } = texts()
    const server = scriptedServer(issue)
    await started(server, store()).user.redeem(grant())
    const { user } = started(server, store(), { dpop: ours })
    expect(await user.getTokenSet()).toMatchObject({ accessToken: 'token-2', tokenType: 'DPoP' })
  })
})

describe('a refresh token', () => {
  test('keeps its key where the server sends no new one, and where it comes with an answer that is refused', async () => {
    const { store, last } = texts()
    const server = scriptedServer(issue)
    const { user } = started(server, store(), { auth: none(), dpop: ours })
    await user.redeem(grant())
    server.answer = () => json(200, { access_token: 'a', token_type: 'DPoP', expires_in: 60 })
    await user.getTokenSet({ force: true })
    expect(last()).toMatchObject({
      refreshToken: 'refresh-1',
      refreshTokenJkt: ours.thumbprint,
    })
    server.answer = () => json(200, { access_token: 'a', token_type: 'mac', refresh_token: 'rescued' })
    await expect(user.getTokenSet({ force: true })).rejects.toMatchObject({ code: 'ERR_TOKEN_RESPONSE' })
    expect(last()).toMatchObject({ refreshToken: 'rescued', refreshTokenJkt: ours.thumbprint })
  })
})

describe('imported tokens', () => {
  test('are bound to the key of the client where they say so', async () => {
    const { store } = texts()
    const server = scriptedServer(issue)
    const { user } = started(server, store(), { auth: none(), dpop: ours })
    await user.import({ accessToken: 'a', refreshToken: 'r', tokenType: 'DPoP' })
    expect(await user.getTokenSet()).toMatchObject({ accessToken: 'a', tokenType: 'DPoP', jkt: ours.thumbprint })
    await expect(started(server, store(), { auth: none(), dpop: another }).user.getTokenSet()).rejects.toMatchObject({
      reason: 'other_dpop_key',
    })
  })

  test('are Bearer tokens otherwise', async () => {
    const { user } = started(scriptedServer(issue), texts().store(), { dpop: ours })
    await user.import({ accessToken: 'a' })
    expect(await user.getTokenSet()).toMatchObject({ tokenType: 'Bearer', jkt: undefined })
  })

  test('that are bound to a key need a client with one, and a type there is', async () => {
    const { user } = started(scriptedServer(issue), texts().store())
    await expect(user.import({ accessToken: 'a', tokenType: 'DPoP' })).rejects.toThrow(/^tokenType: is DPoP/)
    await expect(user.import({ accessToken: 'a', tokenType: 'mac' as never })).rejects.toThrow(/^tokenType: must be/)
  })
})
