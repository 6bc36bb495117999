/** fetch and functions around it: Node's own, or one that answers at once. */
import { fetchWithTokens } from '@grantkit/undici'
import { type Client, nowhere, type Send } from './client.js'

type Fetch = (url: string, init?: RequestInit) => Promise<Response>

export const fetchAtOnce = clientOf(nowhere, async () => Response.json({ balance: 12.5 }))

export function fetchTo(origin: string): Client {
  return clientOf(origin, fetch)
}

function clientOf(origin: string, bare: Fetch): Client {
  const sending = (fetch: Fetch): Send => {
    return async () => {
      const response = await fetch(`${origin}/accounts/1`, { headers: { accept: 'application/json' } })
      return response.json()
    }
  }
  return {
    bare: () => sending(bare),
    synchronous: authorization => sending((url, init) => bare(url, authorized(init, authorization()))),
    asynchronous: authorization => sending(async (url, init) => bare(url, authorized(init, await authorization()))),
    grantKit: source => sending(fetchWithTokens(bare, source, { origins: [origin] })),
  }
}

function authorized(init: RequestInit | undefined, authorization: string): RequestInit {
  const headers = new Headers(init?.headers)
  headers.set('authorization', authorization)
  return { ...init, headers }
}
