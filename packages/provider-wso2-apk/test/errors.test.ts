/** How APK refuses, and what each refusal means for the next request (providers.md, 2.3 and 2.4). */
import {
  AuthorizationServerError,
  authorizationCode,
  type Client,
  clientCredentials,
  createUserTokenSources,
  type Grant,
  LoginRequiredError,
  none,
  requestTokenSet,
} from '@grantkit/core'
import { rejection } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { startApk } from './apk.js'

type Apk = Awaited<ReturnType<typeof startApk>>

async function refusal(client: Client, grant: Grant = clientCredentials()): Promise<AuthorizationServerError> {
  const error = await rejection(requestTokenSet(client, grant))
  expect(error).toBeInstanceOf(AuthorizationServerError)
  return error as AuthorizationServerError
}

describe('APK 1', () => {
  test.each<[string, (apk: Apk) => Promise<AuthorizationServerError>, object]>([
    [
      'a missing header is 401 access_denied',
      apk => refusal(apk.client({ auth: none() })),
      { serverStatus: 401, error: 'access_denied', error_description: 'Unauthorized', kind: 'invalid_client' },
    ],
    [
      'an unknown client is 401 access_denied',
      apk => refusal(apk.client({ clientId: 'nobody' })),
      {
        serverStatus: 401,
        error: 'access_denied',
        error_description: 'Invalide Client Id/Secret',
        kind: 'invalid_client',
      },
    ],
    [
      'a wrong secret is 401 unauthorized_client',
      apk => refusal(apk.client({ clientSecret: 'wrong' })),
      {
        serverStatus: 401,
        error: 'unauthorized_client',
        error_description: 'Invalide Client Id/Secret',
        kind: 'invalid_client',
      },
    ],
    [
      'a grant the application may not use is 400 unsupported_grant_type',
      apk => {
        apk.system.settings.grantTypes = ['authorization_code']
        return refusal(apk.client())
      },
      { serverStatus: 400, error: 'unsupported_grant_type', kind: 'terminal' },
    ],
    [
      'a missing redirect URI is 400 invalid_request',
      apk => refusal(apk.client(), authorizationCode({ code: apk.system.approve({ clientId: apk.system.clientId }) })),
      { serverStatus: 400, error: 'invalid_request', kind: 'terminal' },
    ],
    [
      'another redirect URI is 400 unauthorized_client',
      apk => {
        const code = apk.system.approve({ clientId: apk.system.clientId })
        return refusal(apk.client(), authorizationCode({ code, redirectUri: 'https://app.example.com/other' }))
      },
      {
        serverStatus: 400,
        error: 'unauthorized_client',
        error_description: 'redirectUrl not matched with application',
        kind: 'terminal',
      },
    ],
    [
      'a dead code is 400 server_error, and read as invalid_grant',
      apk => {
        const code = apk.system.approve({ clientId: apk.system.clientId })
        apk.sandbox.advance(600_000)
        return refusal(apk.client(), authorizationCode({ code, redirectUri: apk.system.redirectUri }))
      },
      {
        serverStatus: 400,
        error: 'server_error',
        error_description: 'Server Error occured on generating token',
        kind: 'invalid_grant',
      },
    ],
  ])('%s', async (_, provoke, expected) => {
    await using apk = await startApk()
    expect(await provoke(apk)).toMatchObject(expected)
    expect(apk.tokenRequests()).toHaveLength(1)
  })

  test('400 server_error to client credentials is final, whatever its name says', async () => {
    await using apk = await startApk()
    const body = '{"error":"server_error","error_description":"Server Error occured on generating token"}'
    apk.system.fail({ kind: 'status', status: 400, body })
    expect(await refusal(apk.client())).toMatchObject({ kind: 'terminal', retryable: false })
  })

  test('500 server_error is transient: the status comes before the code', async () => {
    await using apk = await startApk()
    apk.system.fail({ kind: 'status', status: 500, body: '{"error":"server_error"}' })
    expect(await refusal(apk.client())).toMatchObject({ kind: 'transient', retryable: true })
  })

  test('400 server_error to a refresh token ends the session', async () => {
    await using apk = await startApk()
    const { clientId, redirectUri } = apk.system
    const source = createUserTokenSources({ client: apk.client() }).for('user')
    const { refreshToken } = await source.redeem(
      authorizationCode({ code: apk.system.approve({ clientId }), redirectUri }),
    )
    apk.system.revoke(refreshToken as string)
    const error = await rejection(source.getTokenSet({ force: true }))
    expect(error).toBeInstanceOf(LoginRequiredError)
    expect(error).toMatchObject({ subject: 'user', cause: { serverStatus: 400, error: 'server_error' } })
  })

  test('500 server_error to a refresh token does not end the session', async () => {
    await using apk = await startApk()
    const { clientId, redirectUri } = apk.system
    const source = createUserTokenSources({ client: apk.client() }).for('user')
    await source.redeem(authorizationCode({ code: apk.system.approve({ clientId }), redirectUri }))
    apk.system.fail({ kind: 'status', status: 500, body: '{"error":"server_error"}' })
    expect(await rejection(source.getTokenSet({ force: true }))).toMatchObject({ serverStatus: 500, kind: 'transient' })
    apk.sandbox.advance(60_000)
    await source.getTokenSet({ force: true })
    expect(apk.tokenRequests().map(({ status }) => status)).toEqual([200, 500, 200])
  })

  test('a refresh token is sent as often as it takes: sending it does not use it up', async () => {
    await using apk = await startApk()
    const { clientId, redirectUri } = apk.system
    const source = createUserTokenSources({ client: apk.client() }).for('user')
    await source.redeem(authorizationCode({ code: apk.system.approve({ clientId }), redirectUri }))
    for (let outages = 0; outages < 3; outages++) {
      apk.system.fail({ kind: 'status', status: 500, body: '{"error":"server_error"}' })
      expect(await rejection(source.getTokenSet({ force: true }))).toMatchObject({ serverStatus: 500 })
      apk.sandbox.advance(60_000)
    }
    expect((await source.getTokenSet({ force: true })).accessToken).toBeDefined()
  })
})

describe('APK 2', () => {
  test('a text error is understood', async () => {
    await using apk = await startApk()
    apk.system.settings.version = '2.x'
    // a Basic header instead of client_id in the body
    const error = await refusal(apk.client({}, { tokenEndpoint: apk.system.tokenEndpoint }))
    expect(error).toMatchObject({
      serverStatus: 400,
      error: undefined,
      error_description: 'client_id is required',
      kind: 'terminal',
    })
  })

  test('an empty 405 is understood', async () => {
    await using apk = await startApk()
    apk.system.fail({ kind: 'status', status: 405 })
    expect(await refusal(apk.client())).toMatchObject({ serverStatus: 405, error: undefined, kind: 'terminal' })
  })
})
