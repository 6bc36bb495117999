/** What a user of GrantKit does, and meets, at every server: named cases. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import {
  type AuthorizationServerError,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  isGrantKitError,
  type LoginReason,
  type LoginRequiredError,
  type UserTokenSource,
} from '@grantkit/core'
import { fetchWithTokens } from '@grantkit/undici'
import { grantOf, type Scene } from './scene.js'

export interface Check {
  readonly name: string
  /** Where the server has nothing to try. */
  readonly isLeftOut?: (scene: Scene) => boolean
  /** Returns what was seen, where that differs among servers. */
  readonly run: (scene: Scene) => Promise<string | undefined>
}

export const checks: readonly Check[] = [
  {
    name: 'code with PKCE',
    async run({ logIn, userOf, server }) {
      const tokenSet = await logIn('alice')
      assert.ok(tokenSet.refreshToken, 'a refresh token came')
      assert.equal(await callApi(userOf('alice'), server.apiUrl), 200)
      return tokenSet.scope === undefined ? 'no scope told' : undefined
    },
  },
  {
    name: 'code used twice',
    async run({ codeFor, userOf, server, logIn }) {
      const grant = grantOf(server, await codeFor('twice'))
      await userOf('twice').redeem(grant)
      const error = await refusal(userOf('thief').redeem(grant))
      await logIn('bob')
      return describe(error)
    },
  },
  {
    name: 'made-up code',
    async run({ userOf, server, logIn }) {
      await logIn('alice')
      const madeUp = { code: 'made-up', codeVerifier: 'v'.repeat(43) }
      const error = await refusal(userOf('mallory').redeem(grantOf(server, madeUp)))
      const { status, error: code } = server.madeUpCode ?? { status: undefined, error: 'invalid_grant' }
      assert.equal(error.error ?? code, code)
      if (status !== undefined) assert.equal(error.serverStatus, status)
      await userOf('alice').getTokenSet({ force: true })
      await logIn('bob')
      return describe(error)
    },
  },
  {
    name: 'forced renewal',
    async run({ logIn, userOf, server }) {
      const first = await logIn('alice')
      const second = await userOf('alice').getTokenSet({ force: true })
      assert.notEqual(second.accessToken, first.accessToken)
      assert.equal(await callApi(userOf('alice'), server.apiUrl), 200)
      return second.refreshToken === first.refreshToken ? 'refresh token stays' : 'refresh token replaced'
    },
  },
  {
    name: '100 callers',
    async run({ logIn, userOf, server }) {
      await logIn('alice')
      const before = server.tokenRequests()
      const calls = Array.from({ length: 100 }, () => userOf('alice').getTokenSet({ force: true }))
      const tokens = new Set((await Promise.all(calls)).map(({ accessToken }) => accessToken))
      assert.equal(tokens.size, 1)
      assert.equal(server.tokenRequests() - before, 1)
      return undefined
    },
  },
  {
    name: 'dead access token',
    async run({ logIn, userOf, server }) {
      const { accessToken } = await logIn('alice')
      await server.endAccessToken(accessToken)
      const before = server.tokenRequests()
      const status = await callApi(userOf('alice'), server.apiUrl)
      const { deadAccessToken } = server
      assert.equal(status, deadAccessToken ?? 200)
      assert.equal(server.tokenRequests() - before, deadAccessToken === undefined ? 1 : 0)
      await userOf('alice').getTokenSet({ force: true })
      assert.equal(await callApi(userOf('alice'), server.apiUrl), 200)
      return deadAccessToken === undefined ? 'replayed' : `${deadAccessToken}, returned`
    },
  },
  {
    name: 'dead refresh token',
    async run(scene) {
      const { logIn, userOf, server } = scene
      await logIn('bob')
      const { refreshToken } = await logIn('alice')
      await server.endRefreshToken(String(refreshToken))
      const call = userOf('alice').getTokenSet({ force: true })
      const isTold = server.deadRefreshToken === undefined
      const error = isTold ? await loginRequired(call, 'invalid_grant') : await refusal(call)
      await userOf('bob').getTokenSet({ force: true })
      if (!isTold) await endsInMinutes(scene)
      await logIn('alice')
      assert.equal(await callApi(userOf('alice'), server.apiUrl), 200)
      return isTold ? describe(error) : `${describe(error)}, ended as refused`
    },
  },
  {
    name: 'wrong secret',
    async run({ logIn, another, userOf, server }) {
      const { refreshToken } = await logIn('alice')
      const wrong = createUserTokenSources({ client: another({ clientSecret: 'not-the-secret' }) }).for('alice')
      await wrong.import({ refreshToken })
      const error = await refusal(wrong.getTokenSet())
      assert.equal(error.kind, 'invalid_client')
      const before = server.tokenRequests()
      await refusal(wrong.getTokenSet())
      assert.equal(server.tokenRequests(), before, 'the client rests')
      assert.doesNotMatch(inspect(error, { depth: null }), /not-the-secret/)
      await userOf('alice').getTokenSet({ force: true })
      return describe(error)
    },
  },
  {
    name: 'application',
    isLeftOut: ({ server }) => server.applicationScope === undefined,
    async run({ client, server }) {
      const grant = clientCredentials({ scope: String(server.applicationScope) })
      const source = createTokenSource({ client, grant })
      const before = server.tokenRequests()
      const calls = await Promise.all(Array.from({ length: 100 }, () => source.getTokenSet()))
      assert.equal(server.tokenRequests() - before, 1)
      return calls[0]?.refreshToken === undefined ? undefined : 'a refresh token too'
    },
  },
]

async function callApi(source: UserTokenSource, url: string): Promise<number> {
  const response = await fetchWithTokens(fetch, source, { origins: [new URL(url).origin] })(url)
  await response.text()
  return response.status
}

/** The `AuthorizationServerError` of a call that has to fail. */
async function refusal(call: Promise<unknown>): Promise<AuthorizationServerError> {
  const error = await failure(call)
  assert.equal(error.code, 'ERR_SERVER_REFUSED', inspect(error))
  return error as AuthorizationServerError
}

async function loginRequired(call: Promise<unknown>, reason: LoginReason): Promise<AuthorizationServerError> {
  const error = await failure(call)
  assert.equal(error.code, 'ERR_LOGIN_REQUIRED', inspect(error))
  assert.equal((error as LoginRequiredError).reason, reason)
  return error.cause as AuthorizationServerError
}

/** A refresh token that is refused for no reason, while another user is served. */
async function endsInMinutes({ userOf, advance }: Scene): Promise<void> {
  for (let minutes = 0; minutes < 10; minutes++) {
    const error = await failure(userOf('alice').getTokenSet({ force: true }))
    if (error.code === 'ERR_LOGIN_REQUIRED') return assert.equal((error as LoginRequiredError).reason, 'refused')
    advance(60_000)
    await userOf('bob').getTokenSet({ force: true })
  }
  assert.fail('the session did not end')
}

async function failure(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isGrantKitError(error), inspect(error ?? 'it did not fail'))
  return error
}

function describe({ serverStatus, error }: AuthorizationServerError): string {
  return [serverStatus, error].filter(Boolean).join(' ')
}
