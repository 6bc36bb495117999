/** A fetch that answers at once, and functions around it. */
import { fetchWithTokens } from '@grantkit/undici'
import type { Repeat } from '../measure.js'
import type { Client } from './added.js'

const origin = 'https://api.example'

export const fetchClient: Client = {
  bare: () => requests(answer),
  synchronous: authorization => requests((url, init) => answer(url, authorized(init, authorization()))),
  asynchronous: authorization => requests(async (url, init) => answer(url, authorized(init, await authorization()))),
  grantKit: source => requests(fetchWithTokens(answer, source, { origins: [origin] })),
}

type Fetch = (url: string, init?: RequestInit) => Promise<Response>

const answer: Fetch = async () => Response.json({ balance: 12.5 })

function requests(fetch: Fetch): Repeat {
  return async times => {
    for (let i = 0; i < times; i++) {
      const response = await fetch(`${origin}/accounts/1`, { headers: { accept: 'application/json' } })
      await response.json()
    }
  }
}

function authorized(init: RequestInit | undefined, authorization: string): RequestInit {
  const headers = new Headers(init?.headers)
  headers.set('authorization', authorization)
  return { ...init, headers }
}
