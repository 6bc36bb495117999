/** A store outside this process, given no more at once than it can answer, held to a time limit, and left alone once it failed. */
import { TokenStoreError } from '../errors.js'
import type { StoredRecord, TokenStore } from './token-store.js'
import { turns } from './turns.js'

/** Long for a store, short for those who wait. */
const defaultTimeoutMs = 2_000
const defaultAtOnce = 32
/** A store that is down costs one caller its time-out, not every caller. */
const restMs = 500

/** What is asked of a store, without the hints and the end. */
export type BoundedStore = Pick<TokenStore, 'get' | 'compareAndSet' | 'delete' | 'lease' | 'release'>

/** What went wrong last. */
interface Failure {
  readonly operation: string
  readonly message: string
  readonly retryable: boolean
  /** One and the same object for every error that is made of this failure. */
  readonly cause: unknown
}

/**
 * The operations of a store, each of which ends in time once it has begun. Those of leases go first: what is done under
 * one cannot wait.
 *
 * @param isBack called when the store answers again: it may have lost something meanwhile
 * @throws TokenStoreError, of one failure, with one and the same cause, while the store rests
 */
export function boundedStore(store: TokenStore, isBack: () => void): BoundedStore {
  const { timeoutMs = defaultTimeoutMs, atOnce = defaultAtOnce } = store.limits ?? {}
  const inTurn = turns(atOnce)
  let failure: Failure | undefined
  let failedKey: string | undefined
  /** Whether all of the store is at fault, or one record alone. */
  let isStores = false
  let restUntil = 0

  function refuseWhileResting(key: string): void {
    const restsMs = restUntil - performance.now()
    if (failure !== undefined && restsMs > 0 && (isStores || key === failedKey)) throw errorOf(failure, restsMs)
  }

  async function ask<T>(operation: string, key: string, run: () => Promise<T>, written?: StoredRecord): Promise<T> {
    refuseWhileResting(key)
    try {
      const answer = await inTime(run(), timeoutMs)
      const wasAway = isStores
      failure = undefined
      failedKey = undefined
      isStores = false
      if (wasAway) isBack()
      return answer
    } catch (cause) {
      failure = failureOf(operation, cause, written?.value ?? '')
      // a time-out, or a second record at fault, says that it is the store
      const isAnother = failedKey !== undefined && failedKey !== key
      isStores ||= failure.retryable && (cause instanceof NoAnswer || isAnother)
      restUntil = performance.now() + (failure.retryable ? restMs : 0)
      failedKey = key
      throw errorOf(failure, restMs)
    }
  }
  async function when<T>(
    isUrgent: boolean,
    operation: string,
    key: string,
    run: () => Promise<T>,
    written?: StoredRecord,
  ) {
    // nobody waits for a turn to be told that
    refuseWhileResting(key)
    return inTurn(() => ask(operation, key, run, written), isUrgent)
  }

  return {
    get: key => when(false, 'get', key, () => store.get(key)),
    compareAndSet: (key, expected, record) =>
      when(false, 'compareAndSet', key, () => store.compareAndSet(key, expected, record), record),
    delete: (key, version) => when(false, 'delete', key, () => store.delete(key, version)),
    lease: (key, holder, durationMs) => when(true, 'lease', key, () => store.lease(key, holder, durationMs)),
    release: (key, holder) => when(true, 'release', key, () => store.release(key, holder)),
  }
}

class NoAnswer extends Error {}

/** How many times the clock is looked at before the store is blamed: a process that stood still loses one of them. */
const looks = 4

/**
 * What the store goes on to do after its time is of no interest. When the last look comes, an answer that waits to be read
 * is read first.
 */
function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let looked = 0
    const blame = () => reject(new NoAnswer(`no answer within ${timeoutMs} ms`))
    const look = () => {
      if (++looked === looks) setImmediate(blame)
      else timer = setTimeout(look, timeoutMs / looks)
    }
    let timer = setTimeout(look, timeoutMs / looks)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function failureOf(operation: string, error: unknown, written: string): Failure {
  const own = Object(error) as Partial<TokenStoreError>
  if (own.code !== 'ERR_TOKEN_STORE') {
    const cause = reduced(error, written)
    return { operation, message: cause.message, retryable: true, cause }
  }
  const { operation: failed = operation, message = '', retryable = true } = own
  const isNamed = message.startsWith(`${failed}: `)
  return { operation: failed, message: isNamed ? message.slice(failed.length + 2) : message, retryable, cause: error }
}

/** An error of its own for everybody who asks: each has a provider. */
function errorOf({ message, operation, retryable, cause }: Failure, restsMs: number): TokenStoreError {
  const retryAfterMs = retryable ? Math.ceil(restsMs) : undefined
  return new TokenStoreError(message, { operation, retryable, retryAfterMs, cause })
}

/** Of a backend's error little is kept: it may hold the command, and the command the record. */
function reduced(error: unknown, written: string): Error {
  const { name = 'Error', message, code } = Object(error) as Partial<Error & { code: unknown }>
  const cause = new Error(
    withoutSecrets(String(message || wordsFor(error)), written)
      .trim()
      .slice(0, 200),
  )
  return Object.assign(
    cause,
    { name: String(name).slice(0, 40) },
    code === undefined ? {} : { code: String(code).slice(0, 40) },
  )
}

/** For an error without a message: several addresses that were tried (`AggregateError`), a code, a name, or what it is. */
function wordsFor(error: unknown): string {
  const { name, code, errors } = Object(error) as Partial<AggregateError & { code: unknown }>
  const each = Array.isArray(errors) ? errors.map(one => Object(one).message).filter(Boolean) : []
  if (each.length > 0) return each.join('; ')
  if (error === undefined || error === null) return `rejected with ${error}`
  return String(code ?? (typeof error === 'object' ? `${name ?? 'an object'} without a message` : error))
}

/** Takes out every text of the record, whatever looks like a token, and what cannot be printed. */
function withoutSecrets(message: string, written: string): string {
  const texts = [...written.matchAll(/[^"\\]{3,}/g)].map(([text]) => text).sort((a, b) => b.length - a.length)
  return texts
    .reduce((text, secret) => text.replaceAll(secret, '…'), message)
    .replace(/\/\/[^@\s/]*@|eyJ[\w.-]+|[\w.~+/=-]{40,}|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/gi, '…')
    .replace(/[^\x21-\x7e…]+/g, ' ')
}
