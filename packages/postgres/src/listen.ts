/** Listens for notifications, on a connection of its own, and on another when that is lost. */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { PostgresClient, PostgresPool } from './pool.js'

export interface Subscription {
  readonly pool: PostgresPool
  readonly channel: string
  readonly tell: (payload: string) => void
  /** Called once, when it turns out that nothing is heard. */
  readonly isDeaf?: (() => void) | undefined
  /**
   * How often the connection is tried and how long an answer may take, in milliseconds: one can be lost without a word,
   * and servers end those that are idle. Default 30,000.
   */
  readonly checkEveryMs?: number | undefined
  /** How long a notice to oneself may take, in milliseconds. Default 5,000. */
  readonly echoWithinMs?: number | undefined
}

/** What a notice to oneself begins with, as no key does; those of other processes are nobody's business. */
const echo = '?'

const shortestWaitMs = 100
const longestWaitMs = 30_000
/** Whoever put a pooler in between will not take it away soon. */
const waitWhenDeafMs = 600_000

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
  let isTold = false
  while (!stopping.aborted) {
    const outcome = await listenOnce(subscription, stopping).catch(() => 'failed')
    waitMs = outcome === 'listened' ? shortestWaitMs : Math.min(2 * waitMs, longestWaitMs)
    if (outcome === 'deaf') {
      waitMs = waitWhenDeafMs
      if (!isTold) subscription.isDeaf?.()
      isTold = true
    }
    await pause(waitMs * (0.5 + Math.random() / 2), stopping).catch(() => {})
  }
}

type Outcome = 'listened' | 'deaf' | 'failed'

/**
 * Listens on one connection, until that is lost or not wanted any more.
 *
 * @returns whether it came to listen, and heard itself
 */
async function listenOnce(subscription: Subscription, stopping: AbortSignal): Promise<Outcome> {
  const { pool, channel, tell, checkEveryMs = 30_000, echoWithinMs = 5_000 } = subscription
  const over = new AbortController()
  const end = () => over.abort()
  const client = await checkOut(pool, end)
  const sent = `${echo}${randomUUID()}`
  let heard = () => {}
  const isHeard = new Promise<void>(resolve => {
    heard = resolve
  })
  client.on('notification', ({ channel: on, payload = '' }) => {
    if (on !== channel || over.signal.aborted) return
    if (payload === sent) heard()
    else if (!payload.startsWith(echo)) tell(payload)
  })
  stopping.addEventListener('abort', end, { signal: over.signal })
  let outcome: Outcome = 'failed'
  try {
    stopping.throwIfAborted()
    await inTime(client.query(`LISTEN "${channel}"`), checkEveryMs, over.signal)
    client.unref?.()
    // By another connection: a pooler hands on what comes while its own connection is lent out to this one.
    await inTime(pool.query('SELECT pg_notify($1, $2)', [channel, sent]), checkEveryMs, over.signal)
    outcome = 'deaf'
    await inTime(isHeard, echoWithinMs, over.signal)
    outcome = 'listened'
    for (;;) {
      await pause(checkEveryMs, over.signal)
      await inTime(client.query('SELECT 1'), checkEveryMs, over.signal)
    }
  } catch {
    // what ended while it was waited for says nothing
    return outcome === 'deaf' && over.signal.aborted ? 'failed' : outcome
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
