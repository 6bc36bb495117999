/** The whole way of a login, by the public API: from the authorization request to calls of an API, and to the end. */
import { Agent, fetch } from 'undici'
import { expect } from 'vitest'
import { fetchWithTokens } from '../../../undici/src/index.js'
import {
  type AuthorizationRequestOptions,
  type Client,
  createAuthorizationRequest,
  createUserTokenSources,
  introspectToken,
  readAuthorizationResponse,
  requestUserInfo,
  revokeToken,
  type TlsOptions,
  type UserTokenSource,
} from '../../src/index.js'
import { browse } from '../browser.js'
import { type Combination, certificateOf, clientIdOf, clientOf, confirmationOf, requestOf } from './combinations.js'
import { type Bank, certificates, redirectUri } from './server.js'

/** What the user's browser connects with; it has no certificate. */
const browser = new Agent({ connect: { ca: certificates.ca } })

/** Sends the user to the bank and back. */
export async function answerTo(client: Client, request: AuthorizationRequestOptions) {
  const { url, transaction } = await createAuthorizationRequest(client, request)
  const answer = await browse(url, redirectUri, browser)
  // as a program keeps it
  return { answer, transaction: JSON.parse(JSON.stringify(transaction)) as typeof transaction }
}

/** A login, up to a code that can be redeemed. */
export async function grantOf(client: Client, combination: Combination) {
  const { transaction, answer } = await answerTo(client, requestOf(combination))
  return readAuthorizationResponse(client, transaction, answer)
}

/** The API, by an integration: what it answered, or why it refused. */
export function apiOf(bank: Bank, user: UserTokenSource, connection: TlsOptions) {
  const tls = { ca: certificates.ca, ...connection }
  const call = fetchWithTokens(fetch, user, { origins: [bank.api], tls })
  return async (): Promise<unknown> => (await call(`${bank.api}/accounts`)).json()
}

/** Logs in, calls, renews with many callers at once, calls again, and gives the tokens up. */
export async function journey(bank: Bank, combination: Combination): Promise<void> {
  const clientId = clientIdOf(combination)
  const client = await clientOf(bank, combination)
  const user = createUserTokenSources({ client }).for('ann')
  const callApi = apiOf(bank, user, certificateOf(combination))
  const confirmation = confirmationOf(combination)
  const [boundTo] = Object.values(confirmation)

  const first = await user.redeem(await grantOf(client, combination))
  expect(first.tokenType).toBe(combination.boundTo === 'certificate' ? 'Bearer' : 'DPoP')
  expect(first.idTokenClaims).toMatchObject({ sub: 'ann', aud: clientId, iss: bank.issuer })
  expect(await callApi()).toEqual({ sub: 'ann', boundTo })
  expect(await requestUserInfo(client, first, { subject: 'ann' })).toMatchObject({ sub: 'ann' })
  const known = await introspectToken(client, { token: first.accessToken })
  expect(known).toMatchObject({ active: true, cnf: confirmation })
  // who has the token alone has nothing
  const headers = { authorization: `Bearer ${first.accessToken}` }
  expect((await fetch(`${bank.api}/accounts`, { headers, dispatcher: browser })).status).toBe(401)

  const renewed = await Promise.all(Array.from({ length: 20 }, () => user.getTokenSet({ force: true })))
  expect(new Set(renewed.map(({ accessToken }) => accessToken)).size).toBe(1)
  const [second = first] = renewed
  expect(second.accessToken).not.toBe(first.accessToken)
  expect(second.refreshToken).not.toBe(first.refreshToken)
  expect(await callApi()).toEqual({ sub: 'ann', boundTo })
  const third = await user.getTokenSet({ force: true })
  expect(await callApi()).toEqual({ sub: 'ann', boundTo })
  // one of 20 asked, and the server has seen no refresh token twice
  expect(bank.refreshed.filter(id => id === clientId)).toHaveLength(2)
  expect(bank.revoked).not.toContain(clientId)

  await revokeToken(client, { token: String(third.refreshToken), tokenTypeHint: 'refresh_token' })
  expect(await introspectToken(client, { token: third.accessToken })).toEqual({ active: false })
  await client.close()
}
