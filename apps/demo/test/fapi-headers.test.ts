/** What a call to the bank says of itself stays the same when it is sent again with a new token, whatever sends it. */
import { attachTokenSource } from '@grantkit/axios'
import {
  clientCertificate,
  clientCredentials,
  createClient,
  createTokenSource,
  privateKeyJwt,
  type TokenSource,
} from '@grantkit/core'
import { tokenHooks } from '@grantkit/got'
import { fapiHeaders, wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import { startSandbox } from '@grantkit/sandbox'
import { fetchWithTokens, tokenInterceptor } from '@grantkit/undici'
import axios from 'axios'
import got from 'got'
import { Agent, fetch, request } from 'undici'
import { expect, test } from 'vitest'

interface Call {
  readonly url: string
  readonly tokens: TokenSource
  readonly options: Parameters<typeof attachTokenSource>[2]
  readonly headers: Record<string, string>
}

const body = JSON.stringify({ Data: { Permissions: ['ReadAccountsBasic'] }, Risk: {} })

/** POSTs a consent, through each library; the status that came. */
const libraries: Record<string, (call: Call) => Promise<number>> = {
  async axios({ url, tokens, options, headers }) {
    const api = axios.create()
    attachTokenSource(api, tokens, options)
    return (await api.post(url, body, { headers })).status
  },
  async got({ url, tokens, options, headers }) {
    const api = got.extend({ retry: { limit: 0 } }, tokenHooks(tokens, options))
    return (await api.post(url, { body, headers })).statusCode
  },
  async undici({ url, tokens, options, headers }) {
    const dispatcher = new Agent().compose(tokenInterceptor(tokens, options))
    const response = await request(url, { method: 'POST', body, headers, dispatcher })
    await response.body.dump()
    return response.statusCode
  },
  async fetch({ url, tokens, options, headers }) {
    return (await fetchWithTokens(fetch, tokens, options)(url, { method: 'POST', body, headers })).status
  },
}

test.each(Object.entries(libraries))(
  '%s keeps x-fapi-* headers and the idempotency key over a replay',
  async (_, post) => {
    await using sandbox = await startSandbox()
    const { wso2ApiManager: bank } = sandbox
    const client = createClient({
      provider: wso2OpenBanking({ tokenEndpoint: sandbox.wso2IdentityServer.tokenEndpoint }),
      clientId: bank.clientId,
      auth: privateKeyJwt({ key: bank.signingKey, alg: 'PS256', kid: bank.kid }),
      tls: { certificate: clientCertificate(bank.certificate), ca: sandbox.ca },
    })
    const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })
    bank.revoke((await tokens.getTokenSet()).accessToken)
    const headers = {
      'content-type': 'application/json',
      'x-idempotency-key': 'order-4711',
      ...fapiHeaders({ customerIpAddress: '192.0.2.7', authenticatedAt: sandbox.now() }),
    }

    const options = { origins: [bank.apiOrigin], tls: client.tls }
    expect(await post({ url: bank.consentsUrl, tokens, options, headers })).toBe(201)

    const [first, second] = bank.requests.filter(({ kind }) => kind === 'api')
    expect([first?.status, second?.status]).toEqual([401, 201])
    expect(second?.headers.authorization).not.toBe(first?.headers.authorization)
    for (const [name, value] of Object.entries(headers))
      expect([first?.headers[name], second?.headers[name]], name).toEqual([value, value])
    await client.close()
  },
)
