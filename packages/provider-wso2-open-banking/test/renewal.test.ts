/** The next token: repeated requests and refreshes (providers.md, 1.9). */
import {
  AuthorizationServerError,
  authorizationCode,
  clientCredentials,
  createTokenSource,
  createTransport,
  createUserTokenSources,
  type GrantKitEvent,
  LoginRequiredError,
  type ManagedTokenSource,
  requestTokenSet,
} from '@grantkit/core'
import { attach, parseOrigins } from '@grantkit/core/kit'
import { answering, manualClock, rejection } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { clientOf, startOpenBanking } from './open-banking.js'

type Bank = Awaited<ReturnType<typeof startOpenBanking>>

const grant = clientCredentials({ scope: 'accounts' })

/** One call to the API by attach(), with its replay. */
async function callApi(
  { system }: Bank,
  source: Pick<ManagedTokenSource, 'client' | 'getTokenSet'>,
): Promise<number[]> {
  const { apiUrl: url, apiOrigin } = system
  const attached = await attach(source, parseOrigins([apiOrigin]), { method: 'GET', url })
  const send = () => source.client.transport({ method: 'GET', url, headers: attached.headers })
  const first = await send()
  const wwwAuthenticate = first.headers.get('www-authenticate') ?? undefined
  const body = async () => new TextDecoder().decode(first.body)
  const again = await attached.replay({ status: first.status, wwwAuthenticate, body }, true)
  return again === undefined ? [first.status] : [first.status, (await send()).status]
}

describe('opaque application tokens', () => {
  test('are returned again with what is left of their life, and the end is read from that', async () => {
    await using bank = await startOpenBanking('wso2ApiManager')
    const first = await requestTokenSet(bank.client(), grant)
    bank.sandbox.advance(3_000_000)
    const second = await requestTokenSet(bank.client(), grant)
    expect(second.accessToken).toBe(first.accessToken)
    expect((second.expiresAt as number) - second.obtainedAt).toBeLessThanOrEqual(600_000)
  })

  test('that come nearly dead cause one request, not one for each call', async () => {
    await using bank = await startOpenBanking('wso2ApiManager')
    await requestTokenSet(bank.client(), grant)
    bank.sandbox.advance(3_540_000)
    bank.system.clearRequests()
    const source = bank.source()
    for (let call = 0; call < 20; call++) await source.getTokenSet()
    expect(bank.tokenRequests()).toHaveLength(1)
  })

  test('with a second to live are asked for once a second at most', async () => {
    const clock = manualClock()
    const body = '{"access_token":"opaque","token_type":"Bearer","expires_in":1}'
    const { client, seen } = clientOf(answering(200, body), { clock })
    const source = createTokenSource({ client, grant })
    for (let tenth = 0; tenth <= 20; tenth++) {
      await source.getTokenSet()
      clock.advance(100)
    }
    expect(seen.requests).toBe(3)
  })

  test('that come back the same after a rejection are not replayed', async () => {
    await using bank = await startOpenBanking('wso2ApiManager')
    bank.gateway.gatewayRefusal = 900901
    expect(await callApi(bank, bank.source())).toEqual([401])
    expect(bank.tokenRequests()).toHaveLength(2)
  })
})

describe('JWT application tokens', () => {
  test('are shared by every source of one client, since each request kills the token before', async () => {
    await using bank = await startOpenBanking()
    expect(bank.system.settings.accessTokenFormat).toBe('jwt')
    const sources = Array.from({ length: 10 }, () => bank.source())
    const tokens = await Promise.all(sources.map(source => source.getTokenSet()))
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1)
    expect(bank.tokenRequests()).toHaveLength(1)
  })

  test('of the same scopes in another order are the same token', async () => {
    await using bank = await startOpenBanking()
    const client = bank.client()
    const one = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts payments' }) })
    const other = createTokenSource({ client, grant: clientCredentials({ scope: ['payments', 'accounts'] }) })
    expect((await other.getTokenSet()).accessToken).toBe((await one.getTokenSet()).accessToken)
    expect(bank.tokenRequests()).toHaveLength(1)
  })

  test('of other scopes are other tokens, and both live', async () => {
    await using bank = await startOpenBanking()
    const client = bank.client()
    const origins = [bank.system.apiOrigin]
    const one = createTokenSource({ client, grant, origins })
    const other = createTokenSource({ client, origins, grant: clientCredentials({ scope: 'accounts payments' }) })
    expect(await callApi(bank, one)).toEqual([200])
    expect(await callApi(bank, other)).toEqual([200])
    expect(await callApi(bank, one)).toEqual([200])
    expect(bank.tokenRequests()).toHaveLength(2)
  })

  test('killed by the request of another process are renewed once', async () => {
    await using bank = await startOpenBanking()
    const source = bank.source()
    await source.getTokenSet()
    await requestTokenSet(bank.client(), grant)
    expect(await callApi(bank, source)).toEqual([401, 200])
    expect(bank.tokenRequests()).toHaveLength(3)
  })
})

describe('a token that dies before expires_in, on an old server with clock skew', () => {
  async function oldServer() {
    const bank = await startOpenBanking()
    Object.assign(bank.system.settings, { accessTokenLifetimeSeconds: 3300, expiresIn: '3600' })
    return bank
  }

  test('is renewed when the gateway says so', async () => {
    await using bank = await oldServer()
    const source = bank.source()
    await source.getTokenSet()
    bank.sandbox.advance(3_400_000)
    expect(await callApi(bank, source)).toEqual([401, 200])
  })

  test('is renewed beforehand with a wider margin', async () => {
    await using bank = await oldServer()
    const source = createTokenSource({ client: bank.client(), grant, expiryMarginMs: 330_000 })
    await source.getTokenSet()
    bank.sandbox.advance(3_280_000)
    expect(await callApi(bank, source)).toEqual([200])
    expect(bank.tokenRequests()).toHaveLength(2)
  })
})

describe('a refresh', () => {
  test('may return the same refresh token, which is kept', async () => {
    await using bank = await startOpenBanking()
    const user = bank.user()
    const first = await user.redeem(authorizationCode(bank.approved()))
    const second = await user.getTokenSet({ force: true })
    const third = await user.getTokenSet({ force: true })
    expect([second.refreshToken, third.refreshToken]).toEqual([first.refreshToken, first.refreshToken])
    expect(await callApi(bank, user)).toEqual([200])
  })

  test('may return another one, which is used from then on', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.rotateRefreshTokens = true
    const user = bank.user()
    const first = await user.redeem(authorizationCode(bank.approved()))
    const second = await user.getTokenSet({ force: true })
    await user.getTokenSet({ force: true })
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect(bank.tokenRequests().map(({ parameters }) => parameters.refresh_token)).toEqual([
      undefined,
      first.refreshToken,
      second.refreshToken,
    ])
  })

  test.each([false, true])('does not extend the session, rotated: %s', async rotateRefreshTokens => {
    await using bank = await startOpenBanking()
    bank.system.settings.rotateRefreshTokens = rotateRefreshTokens
    const user = bank.user()
    await user.redeem(authorizationCode(bank.approved()))
    bank.sandbox.advance(80_000_000)
    await user.getTokenSet()
    bank.sandbox.advance(6_400_000)
    const error = await rejection(user.getTokenSet())
    expect(error).toBeInstanceOf(LoginRequiredError)
    expect(error).toMatchObject({ cause: { error: 'invalid_grant', error_description: 'Refresh token is expired.' } })
  })

  test('kills the access token before it, so that users have one at a time', async () => {
    await using bank = await startOpenBanking()
    const user = bank.user()
    const { accessToken: first } = await user.redeem(authorizationCode(bank.approved()))
    await user.getTokenSet({ force: true })
    const headers = { authorization: `Bearer ${first}` }
    const answer = await user.client.transport({ method: 'GET', url: bank.system.apiUrl, headers })
    expect(answer.status).toBe(401)
    expect(await callApi(bank, user)).toEqual([200])
  })

  test('for a wider scope is invalid_scope, and does not end the session', async () => {
    await using bank = await startOpenBanking()
    const client = bank.client()
    const narrow = createUserTokenSources({ client }).for('user')
    const wide = createUserTokenSources({ client, scope: 'accounts payments' }).for('user')
    await narrow.redeem(authorizationCode(bank.approved('accounts')))
    const error = await rejection(wide.getTokenSet())
    expect(error).toBeInstanceOf(AuthorizationServerError)
    expect(error).toMatchObject({ serverStatus: 400, error: 'invalid_scope', kind: 'invalid_scope' })
    expect((await narrow.getTokenSet({ force: true })).scope).toBe('accounts')
  })

  test('leaves the header DeactivatedAccessToken out of every event', async () => {
    await using bank = await startOpenBanking()
    const events: GrantKitEvent[] = []
    const seen: (string | null)[] = []
    const real = createTransport(bank.tls)
    const user = bank.user({
      onEvent: event => events.push(event),
      async transport(request) {
        const response = await real(request)
        seen.push(response.headers.get('deactivatedaccesstoken'))
        return response
      },
    })
    const { accessToken } = await user.redeem(authorizationCode(bank.approved()))
    await user.getTokenSet({ force: true })
    await real.close()
    expect(seen).toEqual([null, accessToken])
    expect(events.length).toBeGreaterThan(0)
    expect(JSON.stringify(events)).not.toContain(accessToken)
  })

  test('waits for the one under way: old builds answer 500 to two at once', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.parallelRefreshFails = true
    const client = bank.client()
    const whole = createUserTokenSources({ client }).for('user')
    const part = createUserTokenSources({ client, scope: 'accounts' }).for('user')
    await whole.redeem(authorizationCode(bank.approved()))
    const both = await Promise.all([whole.getTokenSet({ force: true }), part.getTokenSet()])
    expect(both.map(({ scope }) => scope)).toEqual(['accounts openid', 'accounts'])
    expect(bank.tokenRequests().map(({ status }) => status)).toEqual([200, 200, 200])
  })

  test('that meets a 500 is transient, and does not end the session', async () => {
    await using bank = await startOpenBanking()
    const user = bank.user()
    await user.redeem(authorizationCode(bank.approved()))
    const body = '{"error_description":"Internal Server Error.","error":"server_error"}'
    bank.system.fail({ kind: 'status', status: 500, body })
    expect(await rejection(user.getTokenSet({ force: true }))).toMatchObject({ serverStatus: 500, kind: 'transient' })
    bank.sandbox.advance(60_000)
    expect((await user.getTokenSet({ force: true })).accessToken).toBe(bank.system.issuedTokens.at(-1)?.token)
  })
})

test('a code is sent once, not even twice when its assertion was taken for replayed', async () => {
  await using bank = await startOpenBanking()
  const body = '{"error_description":"JWT Token with jti: 1 has been replayed","error":"invalid_request"}'
  bank.system.fail({ kind: 'status', status: 400, body })
  await rejection(bank.user().redeem(authorizationCode(bank.approved())))
  expect(bank.tokenRequests()).toHaveLength(1)
})

test('nothing is revoked on forget and close, which would end the user’s consent', async () => {
  await using bank = await startOpenBanking()
  const users = createUserTokenSources({ client: bank.client() })
  const { accessToken } = await users.for('user').redeem(authorizationCode(bank.approved()))
  await users.for('user').forget()
  await users.close()
  expect(bank.system.requests.filter(({ kind }) => kind === 'revocation')).toEqual([])
  expect(bank.system.issuedTokens.find(({ token }) => token === accessToken)?.revoked).toBe(false)
})
