/** A store outside this process, held to a time limit, and left alone for a moment once it failed. */
import { TokenStoreError } from '../errors.js'
import type { TokenStore } from './token-store.js'

/** Long for a store, short for those who wait. */
const timeoutMs = 2_000
/** A store that is down costs one caller its time-out, not every caller. */
const restMs = 500

/** What is asked of a store, without the hints and the end. */
export type BoundedStore = Pick<TokenStore, 'get' | 'compareAndSet' | 'delete' | 'lease' | 'release'>

/**
 * The operations of a store, each of which ends in time.
 *
 * @param isBack called when the store answers again: it may have lost something meanwhile
 * @throws TokenStoreError, the same object while the store rests
 */
export function boundedStore(store: TokenStore, isBack: () => void): BoundedStore {
  let failure: TokenStoreError | undefined
  let failedKey: string | undefined
  /** Whether all of the store is at fault, or one record alone. */
  let isStores = false
  let restUntil = 0

  async function ask<T>(operation: string, key: string, run: () => Promise<T>, written = ''): Promise<T> {
    const rests = failure !== undefined && performance.now() < restUntil
    if (rests && (isStores || key === failedKey)) throw failure
    try {
      const answer = await inTime(run())
      const wasAway = isStores
      failure = undefined
      failedKey = undefined
      isStores = false
      if (wasAway) isBack()
      return answer
    } catch (cause) {
      failure = asStoreError(operation, cause, written)
      // a time-out, or a second record at fault, says that it is the store
      const isAnother = failedKey !== undefined && failedKey !== key
      isStores ||= failure.retryable && (cause instanceof NoAnswer || isAnother)
      restUntil = performance.now() + (failure.retryable ? restMs : 0)
      failedKey = key
      throw failure
    }
  }

  return {
    get: key => ask('get', key, () => store.get(key)),
    compareAndSet: (key, expected, record) =>
      ask('compareAndSet', key, () => store.compareAndSet(key, expected, record), record.value),
    delete: (key, version) => ask('delete', key, () => store.delete(key, version)),
    lease: (key, holder, durationMs) => ask('lease', key, () => store.lease(key, holder, durationMs)),
    release: (key, holder) => ask('release', key, () => store.release(key, holder)),
  }
}

class NoAnswer extends Error {}

/** What the store goes on to do after its time is of no interest. */
function inTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new NoAnswer(`no answer within ${timeoutMs} ms`))
    const timer = setTimeout(late, timeoutMs)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function asStoreError(operation: string, error: unknown, written: string): TokenStoreError {
  if ((error as Partial<TokenStoreError> | undefined)?.code === 'ERR_TOKEN_STORE') return error as TokenStoreError
  const cause = reduced(error, written)
  return new TokenStoreError(cause.message, { operation, cause })
}

/** Of a backend's error little is kept: it may hold the command, and the command the record. */
function reduced(error: unknown, written: string): Error {
  const { name = 'Error', message, code } = Object(error) as Partial<Error & { code: unknown }>
  const cause = new Error(
    withoutSecrets(String(message || 'it failed'), written)
      .trim()
      .slice(0, 200),
  )
  return Object.assign(
    cause,
    { name: String(name).slice(0, 40) },
    code === undefined ? {} : { code: String(code).slice(0, 40) },
  )
}

/** Takes out every text of the record, whatever looks like a token, and what cannot be printed. */
function withoutSecrets(message: string, written: string): string {
  const texts = [...written.matchAll(/[^"\\]{3,}/g)].map(([text]) => text).sort((a, b) => b.length - a.length)
  return texts
    .reduce((text, secret) => text.replaceAll(secret, '…'), message)
    .replace(/\/\/[^@\s/]*@|eyJ[\w.-]+|[\w.~+/=-]{40,}|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/gi, '…')
    .replace(/[^\x21-\x7e…]+/g, ' ')
}
