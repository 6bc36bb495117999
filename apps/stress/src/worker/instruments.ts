/** Watches a worker from outside, at the two seams a user has too: the transport and the store. */
import type { Client, TokenStore } from '@grantkit/core'
import { report } from '../child.js'
import { instant, type SavedReport } from './reports.js'

/** The header by which a worker says who it is. */
export const workerHeader = 'x-worker'

interface Received {
  readonly accessToken: string
  readonly refreshToken: string | undefined
}

/** What passed the transport, and is looked for in what passes the store. */
export class Answers {
  readonly #received = new Set<Received>()

  /** The client, whose requests say which worker they are from. */
  of(client: Client, worker: string): Client {
    const transport: Client['transport'] = async request => {
      const headers = { ...request.headers, [workerHeader]: worker }
      const response = await client.transport({ ...request, headers })
      if (response.status === 200) this.#take(response.body)
      return response
    }
    return { ...client, transport }
  }

  /** The store, which reports when an answer is about to be kept and when it is. */
  keptBy(store: TokenStore): TokenStore {
    return {
      ...store,
      compareAndSet: async (key, expected, record) => {
        const kept = [...this.#received].find(({ accessToken }) => record.value.includes(accessToken))
        if (kept !== undefined) report({ type: 'saving', ...kept, at: instant() } satisfies SavedReport)
        const done = await store.compareAndSet(key, expected, record)
        if (kept !== undefined && done) {
          this.#received.delete(kept)
          report({ type: 'saved', ...kept, at: instant() } satisfies SavedReport)
        }
        return done
      },
    }
  }

  #take(body: Uint8Array): void {
    const { access_token: accessToken, refresh_token: refreshToken } = parse(body)
    if (accessToken !== undefined) this.#received.add({ accessToken, refreshToken })
  }
}

function parse(body: Uint8Array): { access_token?: string; refresh_token?: string } {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return {}
  }
}
