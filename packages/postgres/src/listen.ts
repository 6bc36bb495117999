/** Listens for notifications, on a connection of its own, and on another when that is lost. */
import { setTimeout as wait } from 'node:timers/promises'
import type { PostgresClient, PostgresPool } from './pool.js'

export interface Subscription {
  readonly pool: PostgresPool
  readonly channel: string
  readonly tell: (payload: string) => void
  /**
   * How often the connection is tried and how long an answer may take, in milliseconds: one can be lost without a word,
   * and servers end those that are idle. Default 30,000.
   */
  readonly checkEveryMs?: number | undefined
}

const shortestWaitMs = 100
const longestWaitMs = 30_000

/**
 * Listens until the function it returns is called, which gives the connection back. It never fails, and does not keep the
 * process alive; what is said while there is no connection is lost.
 */
export function listen(subscription: Subscription): () => void {
  const stopping = new AbortController()
  void keepListening(subscription, stopping.signal)
  return () => stopping.abort()
}

async function keepListening(subscription: Subscription, stopping: AbortSignal): Promise<void> {
  let waitMs = shortestWaitMs
  while (!stopping.aborted) {
    const listened = await listenOnce(subscription, stopping).catch(() => false)
    waitMs = listened ? shortestWaitMs : Math.min(2 * waitMs, longestWaitMs)
    await pause(waitMs * (0.5 + Math.random() / 2), stopping).catch(() => {})
  }
}

/**
 * Listens on one connection, until that is lost or not wanted any more.
 *
 * @returns whether it came to listen
 */
async function listenOnce(subscription: Subscription, stopping: AbortSignal): Promise<boolean> {
  const { pool, channel, tell, checkEveryMs = 30_000 } = subscription
  const over = new AbortController()
  const end = () => over.abort()
  const client = await checkOut(pool, end)
  client.on('notification', message => {
    if (message.channel === channel && !over.signal.aborted) tell(message.payload ?? '')
  })
  stopping.addEventListener('abort', end, { signal: over.signal })
  let listens = false
  try {
    stopping.throwIfAborted()
    await inTime(client.query(`LISTEN "${channel}"`), checkEveryMs, over.signal)
    client.unref?.()
    listens = true
    for (;;) {
      await pause(checkEveryMs, over.signal)
      await inTime(client.query('SELECT 1'), checkEveryMs, over.signal)
    }
  } catch {
    return listens
  } finally {
    end()
    // To be closed: it would go on listening, for whoever is given it next.
    client.release(true)
  }
}

/**
 * While a connection is checked out the pool does not listen for its errors, and one that nobody listens for is thrown. A
 * promise would be too late for an error that comes in the same packet as the greeting of a server that goes down.
 */
function checkOut(pool: PostgresPool, onEnd: () => void): Promise<PostgresClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) return reject(error)
      client.on('error', onEnd)
      client.on('end', onEnd)
      resolve(client)
    })
  })
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return wait(milliseconds, undefined, { ref: false, signal })
}

async function inTime(answer: Promise<unknown>, milliseconds: number, signal: AbortSignal): Promise<void> {
  const late = pause(milliseconds, signal).then(() => Promise.reject(new Error(`no answer within ${milliseconds} ms`)))
  await Promise.race([answer, late])
}
