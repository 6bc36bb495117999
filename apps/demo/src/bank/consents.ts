/** Account-access consents (UK Open Banking 3.1), asked for and deleted with the application's own token. */
import { type Client, clientCredentials, createTokenSource } from '@grantkit/core'
import { fapiHeaders } from '@grantkit/provider-wso2-open-banking'
import { fetchWithTokens } from '@grantkit/undici'
import { fetch } from 'undici'

export interface Consents {
  /** A new one, which waits for a customer to decide about it. Returns its id. */
  ask(): Promise<string>
  /** Ends one, and every token that stands on it. */
  remove(id: string): Promise<void>
  close(): Promise<void>
}

const ninetyDaysMs = 90 * 24 * 60 * 60 * 1000

/** @param url where they are kept, at the bank's gateway */
export function createConsents(client: Client, url: string): Consents {
  const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })
  const api = fetchWithTokens(fetch, tokens, { origins: [new URL(url).origin], tls: client.tls })

  async function send(method: string, address: string, body?: object): Promise<string> {
    const headers = { ...fapiHeaders(), 'content-type': 'application/json' }
    const response = await api(address, { method, headers, body: body === undefined ? null : JSON.stringify(body) })
    const text = await response.text()
    if (!response.ok) throw new Error(`the bank answers ${response.status} to a ${method} of a consent`)
    return text
  }

  return {
    async ask() {
      const ExpirationDateTime = new Date(client.clock.now() + ninetyDaysMs).toISOString()
      const Data = { Permissions: ['ReadAccountsBasic'], ExpirationDateTime }
      return JSON.parse(await send('POST', url, { Data, Risk: {} })).Data.ConsentId
    },
    async remove(id) {
      await send('DELETE', `${url}/${id}`)
    },
    async close() {
      await tokens.forget()
    },
  }
}
