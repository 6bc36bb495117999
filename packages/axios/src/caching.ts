/**
 * axios-cache-interceptor keeps answers, and shares them while they come, by a key that knows nothing of tokens. Each token
 * gets keys of its own where the key is made after the token is known, that is where `setupCache()` came before
 * `attachTokenSource()`; elsewhere requests with a token pass the cache by.
 */
import { type Attachment, fingerprint } from '@grantkit/core/kit'
import type { Config } from './axios-like.js'

type GenerateKey = (config: Config, ...more: unknown[]) => string

/** What `setupCache()` makes of an instance. */
interface CachingInstance {
  generateKey?: GenerateKey
}

/** Names the token in a request's key, by nothing that shows it. */
const part = Symbol('part')

interface KeyedConfig extends Config {
  [part]?: string | undefined
}

const separated = new WeakSet<GenerateKey>()

/** Keeps the keys of requests with a token apart from all others. @returns whether the instance has a cache */
export function separateKeys(instance: object, carriesToken: (config: Config) => boolean): boolean {
  const caching = instance as CachingInstance
  const { generateKey } = caching
  if (typeof generateKey !== 'function') return false
  if (separated.has(generateKey)) return true
  const ours: GenerateKey = (config: KeyedConfig, ...more) => {
    const key = generateKey(config, ...more)
    const name = config[part]
    if (name !== undefined) return key.endsWith(name) ? key : key + name
    // the token is not known yet: no key would be its own
    if (carriesToken(config)) config.cache = false
    return key
  }
  separated.add(ours)
  caching.generateKey = ours
  return true
}

/** Names the token that a request will carry, before its key is made. Without one there is nothing to keep. */
export async function nameToken(config: KeyedConfig, { sourceFor }: Attachment<object>): Promise<Config> {
  try {
    const source = await sourceFor({ request: config })
    const { accessToken } = await source.getTokenSet({ signal: config.signal as AbortSignal | undefined })
    config[part] = ` ${fingerprint(accessToken)}`
    if (config.id !== undefined) config.id += config[part]
  } catch {
    // what it is, whoever sends the request finds out
    config.cache = false
  }
  return config
}

/** For a request whose key was made without its token: nothing of its answer is kept. */
export function keepFromCache(config: KeyedConfig): void {
  const { cache, id, [part]: name } = config
  if (typeof cache !== 'object' || cache === null || (name !== undefined && id?.endsWith(name))) return
  config.cache = { ...cache, cachePredicate: () => false }
}
