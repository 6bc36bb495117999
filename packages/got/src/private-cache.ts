/** got's `cache` goes by method and URL: each token gets a part of it that no other request reads. */
import { fingerprint } from '@grantkit/core/kit'

/** What got's `cache` takes beside a connection string: a `Map`, a Keyv, any adapter of it. */
interface Cache {
  get(key: string): unknown
  set(key: string, value: unknown, ttl?: number): unknown
  delete(key: string): unknown
  clear(): unknown
}

const wholes = new WeakMap<object, object>()

/** The caller's own cache, where a part of it came back: got hands options on from hop to hop. */
export function wholeOf(cache: unknown): unknown {
  return (typeof cache === 'object' && cache !== null && wholes.get(cache)) || cache
}

/**
 * The part that belongs to a credential. The name of the part shows nothing of it, and is of this process alone.
 *
 * @returns `undefined` where a cache has no parts: got opens a connection string by itself
 */
export function partOf(cache: unknown, credential: string): object | undefined {
  const whole = wholeOf(cache)
  if (!isCache(whole)) return undefined
  const name = (key: string) => `${fingerprint(credential)}:${key}`
  const part: Cache = {
    get: key => whole.get(name(key)),
    set: (key, value, ttl) => whole.set(name(key), value, ttl),
    delete: key => whole.delete(name(key)),
    clear: () => whole.clear(),
  }
  wholes.set(part, whole)
  return part
}

function isCache(cache: unknown): cache is Cache {
  return typeof cache === 'object' && cache !== null && typeof (cache as Partial<Cache>).get === 'function'
}
