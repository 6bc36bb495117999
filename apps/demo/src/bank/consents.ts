/** Account-access consents (UK Open Banking 3.1), asked for and deleted with the application's own token. */
import { type Client, clientCredentials, createTokenSource } from '@grantkit/core'
import { fapiHeaders } from '@grantkit/provider-wso2-open-banking'
import { fetchWithTokens } from '@grantkit/undici'
import { fetch } from 'undici'

export interface Consents {
  /** A new one, which waits for a customer to decide about it. Returns its id. */
  ask(): Promise<string>
  /** Ends one, and every token that stands on it; one that is over already may be. */
  remove(id: string): Promise<void>
  close(): Promise<void>
}

/** WSO2 says so of a consent that it does not know, and of one that was revoked. */
const isOver = 400

const ninetyDaysMs = 90 * 24 * 60 * 60 * 1000

/** @param url where they are kept, at the bank's gateway */
export function createConsents(client: Client, url: string): Consents {
  const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })
  const api = fetchWithTokens(fetch, tokens, { origins: [new URL(url).origin], tls: client.tls })

  async function send(method: string, address: string, body?: object) {
    const headers = { ...fapiHeaders(), 'content-type': 'application/json' }
    const response = await api(address, { method, headers, body: body === undefined ? null : JSON.stringify(body) })
    return { status: response.status, text: await response.text() }
  }

  return {
    async ask() {
      const ExpirationDateTime = new Date(client.clock.now() + ninetyDaysMs).toISOString()
      const Data = { Permissions: ['ReadAccountsBasic'], ExpirationDateTime }
      const { status, text } = await send('POST', url, { Data, Risk: {} })
      if (status !== 201) throw new Error(`the bank answers ${status} to who asks for a consent`)
      return JSON.parse(text).Data.ConsentId
    },
    async remove(id) {
      const { status } = await send('DELETE', `${url}/${id}`)
      if (status !== 204 && status !== isOver) throw new Error(`the bank answers ${status} to who deletes a consent`)
    },
    async close() {
      await tokens.forget()
    },
  }
}
