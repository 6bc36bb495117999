/**
 * Answers to a token are for whoever has it, whatever they say of caching: what keeps them from caches that do not tell
 * tokens apart, and apart in those that go by a key (RFC 9111 §3, §5.2).
 */
import { fingerprint } from './secret.js'

/** What a request says to a cache beneath: serve nothing that is kept, keep nothing (RFC 9111 §5.2.1.5). */
export const uncachedRequest: Readonly<Record<string, string>> = { 'cache-control': 'no-store' }

/** What an answer says to a cache above in `Cache-Control`, instead of what the server says there. */
export const uncachedAnswer = 'private, no-store'

/** A cache by key: a `Map`, a Keyv, any adapter of it. */
interface KeyedCache {
  get(key: string): unknown
  set(key: string, value: unknown, ttl?: number): unknown
  delete(key: string): unknown
  clear(): unknown
}

const wholes = new WeakMap<object, object>()

/** The caller's own cache, where a part of it came back. */
export function wholeCache(cache: unknown): unknown {
  return (typeof cache === 'object' && cache !== null && wholes.get(cache)) || cache
}

/**
 * The part of a cache that belongs to a credential, which no other request reads. Its name shows nothing of it, and is of
 * this process alone.
 *
 * @returns `undefined` for what is no cache by key, such as a connection string
 */
export function cacheFor(credential: string, cache: unknown): object | undefined {
  const whole = wholeCache(cache)
  if (!isKeyed(whole)) return undefined
  const name = (key: string) => `${fingerprint(credential)}:${key}`
  const part: KeyedCache = {
    get: key => whole.get(name(key)),
    set: (key, value, ttl) => whole.set(name(key), value, ttl),
    delete: key => whole.delete(name(key)),
    clear: () => whole.clear(),
  }
  wholes.set(part, whole)
  return part
}

function isKeyed(cache: unknown): cache is KeyedCache {
  return typeof cache === 'object' && cache !== null && typeof (cache as Partial<KeyedCache>).get === 'function'
}
