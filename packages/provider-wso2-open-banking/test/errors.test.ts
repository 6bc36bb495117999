/** How the token endpoint refuses, and what that means for the next request (providers.md, 1.10). */
import {
  AuthorizationServerError,
  authorizationCode,
  type Client,
  clientCredentials,
  type Grant,
  LoginRequiredError,
  refreshToken,
  requestTokenSet,
} from '@grantkit/core'
import { answering, rejection } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { clientOf, startOpenBanking } from './open-banking.js'

type Bank = Awaited<ReturnType<typeof startOpenBanking>>

const refusal = (bank: Bank, grant: Grant) => refusalOf(bank.client(), grant)

async function refusalOf(client: Client, grant: Grant): Promise<AuthorizationServerError> {
  const error = await rejection(requestTokenSet(client, grant))
  expect(error).toBeInstanceOf(AuthorizationServerError)
  return error as AuthorizationServerError
}

describe('every documented refusal is read, and sorted by status and code', () => {
  const assertionRefused = 'invalid_request'
  test.each([
    [400, 'invalid_request', 'Transport certificate not found in the request', 'terminal'],
    [400, 'invalid_request', 'Request does not follow the registered token endpoint auth method', 'terminal'],
    [400, 'invalid_request', 'Invalid request with repeated parameters.', 'terminal'],
    [400, 'invalid_request', 'Invalid request with sensitive data in the URL.', 'terminal'],
    [400, 'Could not retrieve Client ID', 'Client ID not found in the request.', 'terminal'],
    [401, 'Invalid mutual TLS request. Client certificate is expired', 'Certificate … is expired', 'invalid_client'],
    [401, 'invalid_request', 'Error occurred while parsing the signed assertion', 'invalid_client'],
    [401, 'invalid_client', 'Registered algorithm does not match with the token signed algorithm', 'invalid_client'],
    [401, 'invalid_client', 'A valid OAuth client could not be found for client_id: AbC123', 'invalid_client'],
    [401, 'invalid_client', 'Client credentials are invalid.', 'invalid_client'],
    [401, 'invalid_client', 'Client ID not found in the request.', 'invalid_client'],
    [401, 'invalid_client', 'Unsupported Client Authentication Method!', 'invalid_client'],
    [400, assertionRefused, 'Failed to match audience values.', 'terminal'],
    [400, assertionRefused, 'JWT Token is expired. Expired Time: Thu Jan 01 00:00:00 UTC 2026', 'stale_assertion'],
    [400, assertionRefused, 'JWT Token with jti: 1 has been replayed', 'stale_assertion'],
    [400, assertionRefused, 'Mandatory field :jti is missing in the JWT assertion.', 'terminal'],
    [400, 'invalid_grant', 'Provided Authorization Grant is invalid', 'invalid_grant'],
    [400, 'invalid_grant', 'Invalid/Inactive/Expired or Revoked authorization code received', 'invalid_grant'],
    [400, 'invalid_grant', 'Callback url mismatch', 'invalid_grant'],
    [400, 'invalid_grant', 'PKCE validation failed', 'invalid_grant'],
    [400, 'invalid_grant', 'Persisted access token data not found', 'invalid_grant'],
    [400, 'invalid_grant', 'Refresh token is expired.', 'invalid_grant'],
    [400, 'invalid_grant', 'Invalid refresh token value in the request', 'invalid_grant'],
    [400, 'unsupported_grant_type', 'Unsupported grant_type value', 'terminal'],
    [400, 'unauthorized_client', 'The authenticated client is not authorized', 'invalid_client'],
    [400, 'invalid_scope', 'Provided scope is wider than the scope of the refresh token', 'invalid_scope'],
    [500, 'server_error', 'Internal Server Error.', 'transient'],
    [502, 'server_error', 'Service Unavailable Error.', 'transient'],
  ] as const)('%i %s "%s" is %s', async (status, error, description, kind) => {
    // the description first, as the server often writes it
    const { client, seen } = clientOf(answering(status, JSON.stringify({ error_description: description, error })))
    const refused = await refusalOf(client, clientCredentials({ scope: 'accounts' }))
    expect(refused).toMatchObject({ serverStatus: status, error, kind, retryable: kind === 'transient' })
    expect(refused.error_description).toBe(description.replace('…', ' ').replace(/ {2,}/g, ' '))
    expect(seen.requests).toBe(kind === 'stale_assertion' ? 2 : 1)
  })
})

describe('the server’s own words', () => {
  test('bad signature: 401 invalid_client with a Basic challenge nobody asked for', async () => {
    await using bank = await startOpenBanking()
    const auth = bank.auth({ kid: 'unknown' })
    const error = await rejection(requestTokenSet(bank.client({ auth }), clientCredentials({ scope: 'accounts' })))
    expect(error).toMatchObject({
      serverStatus: 401,
      error: 'invalid_client',
      error_description: 'Client credentials are invalid.',
      kind: 'invalid_client',
    })
    expect(bank.tokenRequests().map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  test('unknown client: 401 invalid_client', async () => {
    await using bank = await startOpenBanking()
    const client = bank.client({ clientId: 'nobody' })
    const error = await rejection(requestTokenSet(client, clientCredentials({ scope: 'accounts' })))
    expect(error).toMatchObject({ serverStatus: 401, error: 'invalid_client', kind: 'invalid_client' })
  })

  test('another redirect URI: 400 invalid_grant', async () => {
    await using bank = await startOpenBanking()
    const { code } = bank.approved()
    const error = await refusal(bank, authorizationCode({ code, redirectUri: 'https://tpp.example.com/other' }))
    expect(error).toMatchObject({
      serverStatus: 400,
      error: 'invalid_grant',
      error_description: 'Callback url mismatch',
    })
  })

  test('wrong verifier: 400 invalid_grant', async () => {
    await using bank = await startOpenBanking()
    const { clientId, redirectUri } = bank.system
    const code = bank.system.approve({
      clientId,
      scope: 'accounts',
      codeChallenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw',
    })
    const error = await refusal(bank, authorizationCode({ code, redirectUri, codeVerifier: 'w'.repeat(43) }))
    expect(error).toMatchObject({
      serverStatus: 400,
      error: 'invalid_grant',
      error_description: 'PKCE validation failed',
    })
  })

  test('used code: 400 invalid_grant', async () => {
    await using bank = await startOpenBanking()
    const grant = authorizationCode(bank.approved())
    await requestTokenSet(bank.client(), grant)
    expect(await refusal(bank, grant)).toMatchObject({
      serverStatus: 400,
      error: 'invalid_grant',
      kind: 'invalid_grant',
    })
  })

  test('unknown refresh token: 400 invalid_grant', async () => {
    await using bank = await startOpenBanking()
    expect(await refusal(bank, refreshToken({ refreshToken: 'unknown' }))).toMatchObject({
      serverStatus: 400,
      error: 'invalid_grant',
      error_description: 'Persisted access token data not found',
      kind: 'invalid_grant',
    })
  })

  test('unregistered scope where it is not dropped: 400 invalid_scope', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.unregisteredScopes = 'refuse'
    expect(await refusal(bank, clientCredentials({ scope: 'accounts loans' }))).toMatchObject({
      serverStatus: 400,
      error: 'invalid_scope',
      kind: 'invalid_scope',
    })
  })

  test('a grant the client may not use: 400 unauthorized_client', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.grantTypes = ['authorization_code']
    expect(await refusal(bank, clientCredentials({ scope: 'accounts' }))).toMatchObject({
      serverStatus: 400,
      error: 'unauthorized_client',
    })
  })
})

test('an imported refresh token that is dead asks for a login', async () => {
  await using bank = await startOpenBanking()
  const user = bank.user()
  await user.import({ refreshToken: 'imported-and-dead' })
  const error = await rejection(user.getTokenSet())
  expect(error).toBeInstanceOf(LoginRequiredError)
  expect(error).toMatchObject({ cause: { error: 'invalid_grant' } })
})

describe('a refusal in another shape', () => {
  test.each([
    ['an error list of 3.0.0', '{"errors":[{"Code":"200007","Title":"t","Message":"missing"}]}', '200007', 'missing'],
    ['an error list of 4.x', '{"errors":[{"code":"200007","message":"missing"}]}', '200007', 'missing'],
    ['a gateway’s string code', '{"code":"900901","message":"Invalid Credentials"}', '900901', 'Invalid Credentials'],
    ['a gateway’s fault', '{"fault":{"code":900901,"message":"Invalid"}}', '900901', 'Invalid'],
    [
      'XML',
      '<ams:fault xmlns:ams="x"><ams:code>900901</ams:code><ams:message>m</ams:message></ams:fault>',
      '900901',
      'm',
    ],
    ['plain text', 'Bad Request', undefined, 'Bad Request'],
    ['HTML', '<html><body>Bad Gateway</body></html>', undefined, undefined],
    ['nothing', '', undefined, undefined],
  ])('%s is read as far as it goes', async (_, body, error, error_description) => {
    const { client } = clientOf(answering(400, body))
    expect(await refusalOf(client, clientCredentials())).toMatchObject({
      serverStatus: 400,
      error,
      error_description,
      kind: 'terminal',
    })
  })

  test('a description is kept to 300 characters', async () => {
    const { client } = clientOf(answering(400, 'no such client. '.repeat(1_000)))
    const refused = await refusalOf(client, clientCredentials())
    expect(refused.error_description).toHaveLength(300)
  })
})
