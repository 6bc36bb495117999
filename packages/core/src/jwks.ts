/** The server's keys: its JWK set, kept for all clients that reach the server by the same connection (RFC 7517 §5). */
import type { KeyObject } from 'node:crypto'
import { json } from './answer-shape.js'
import { isObject, kindOf } from './body.js'
import { type Client, endpointFor } from './client.js'
import { outOfContext } from './context.js'
import { asymmetricEncryption, type EncryptionKey, fitsEncryption } from './decryption.js'
import { sendToEndpoint } from './endpoint.js'
import { TokenResponseError } from './errors.js'
import { type Repeated, shownName } from './shown-value.js'
import { fitsAlgorithm, verificationKey } from './verification.js'

/** A set that is older is fetched again, in milliseconds. */
const freshMs = 600_000
/** So long a kept key serves while the set is away. */
const keptMs = 86_400_000
/** So long nothing is asked after a fetch that failed, or one for a key that was not there. */
const cooldownMs = 30_000
/** Servers publish a handful; what comes after so many is not looked at. */
const mostKeys = 100
/** So many are tried where a JWT does not say which one signed it. */
const mostTried = 8
/** So many sets are kept. */
const mostSets = 1_000

/** What the header of a JWT says of the key. */
export interface KeyWanted {
  readonly alg: string
  /** `undefined` where it names none: all keys that fit may be meant. */
  readonly kid?: string | undefined
}

type Jwk = Readonly<Record<string, unknown>>

/** Gets the members of `keys`, whatever they are. */
type Load = (client: Client) => Promise<readonly unknown[]>

/** The keys of one server. */
export class ServerKeys {
  readonly #load: Load
  #keys: readonly ServerKey[] = []
  #loadedAt = Number.NEGATIVE_INFINITY
  #missedAt = Number.NEGATIVE_INFINITY
  #failure: { readonly at: number; readonly error: unknown } | undefined
  #flight: Promise<void> | undefined
  /** By the headers that want them, which are looked for again and again. */
  #fitting = new WeakMap<KeyWanted, readonly KeyObject[]>()

  constructor(load: Load) {
    this.#load = load
  }

  /** The keys that fit, where those that are kept are recent and have some; `undefined`: `find` has to look. */
  kept(wanted: KeyWanted, now: number): readonly KeyObject[] | undefined {
    const fitting = this.#ageAt(now) < freshMs ? this.#find(wanted) : []
    return fitting.length === 0 ? undefined : fitting
  }

  /**
   * The keys that fit, maybe none. A recent set is asked for anew for a key it lacks, an older one in any case; where it is
   * away, what is kept serves.
   *
   * @throws what the request throws where nothing that is kept serves
   */
  async find(client: Client, wanted: KeyWanted): Promise<readonly KeyObject[]> {
    const age = this.#ageAt(client.clock.now())
    const fitting = age < keptMs ? this.#find(wanted) : []
    if (age < freshMs) return fitting.length > 0 ? fitting : this.findAgain(client, wanted)
    const loading = this.#loadOnce(client)
    await (fitting.length > 0 ? loading.catch(() => {}) : loading)
    return this.#find(wanted)
  }

  /** The same after another look, which is taken now and then alone: anybody can make up a key's name. Throws nothing. */
  async findAgain(client: Client, wanted: KeyWanted): Promise<readonly KeyObject[]> {
    const now = client.clock.now()
    const isResting = Math.abs(now - this.#missedAt) < cooldownMs
    if (isResting && this.#flight === undefined) return this.#find(wanted)
    this.#missedAt = now
    await this.#loadOnce(client).catch(() => {})
    return this.#find(wanted)
  }

  /** The key to encrypt to, one that is for that alone before any other; `undefined` for none. Throws as `find` does. */
  async findToEncrypt(client: Client, alg: string): Promise<EncryptionKey | undefined> {
    const keys = await this.find(client, { alg })
    const members = this.#keys.filter(({ key }) => key && keys.includes(key))
    const { key, jwk } = members.find(({ jwk }) => jwk.use === 'enc') ?? members[0] ?? {}
    return key ? { key, kid: typeof jwk?.kid === 'string' ? jwk.kid : undefined } : undefined
  }

  /** Has the keys at hand, where that is possible. Throws nothing. */
  async prepare(client: Client): Promise<void> {
    if (this.#ageAt(client.clock.now()) >= freshMs) await this.#loadOnce(client).catch(() => {})
  }

  /** What there is, for a message: the names of some keys. */
  describe(repeated?: Pick<Repeated, 'secrets'>): string {
    const names = this.#keys
      .slice(0, 5)
      .map(({ jwk: { kid } }) => (typeof kid === 'string' ? shownName(kid, repeated) : 'no kid'))
    const others = this.#keys.length > names.length ? ` and ${this.#keys.length - names.length} more` : ''
    return names.length === 0 ? 'its set is empty' : `its set has ${names.join(', ')}${others}`
  }

  /** A clock that was set back makes a set old, too. */
  #ageAt(now: number): number {
    return Math.abs(now - this.#loadedAt)
  }

  #find(wanted: KeyWanted): readonly KeyObject[] {
    let found = this.#fitting.get(wanted)
    if (found === undefined) {
      found = [...fitting(this.#keys, wanted)]
      this.#fitting.set(wanted, found)
    }
    return found
  }

  /** One request for all who wait; after one that failed, the same error for a while. */
  #loadOnce(client: Client): Promise<void> {
    const { at, error } = this.#failure ?? { at: Number.NEGATIVE_INFINITY }
    if (Math.abs(client.clock.now() - at) < cooldownMs) return Promise.reject(error)
    this.#flight ??= outOfContext(() => this.#replace(client)).finally(() => {
      this.#flight = undefined
    })
    return this.#flight
  }

  async #replace(client: Client): Promise<void> {
    try {
      const members = await this.#load(client)
      this.#keys = members.slice(0, mostKeys).filter(isObject).flatMap(keyKeptIn(this.#keys))
      this.#loadedAt = client.clock.now()
      this.#failure = undefined
      this.#fitting = new WeakMap()
    } catch (error) {
      this.#failure = { at: client.clock.now(), error }
      throw error
    }
  }
}

/** A key of a set, made ready when it is first wanted. */
interface ServerKey {
  readonly jwk: Jwk
  readonly text: string
  /** `undefined` for what is no key; `null` while nobody has wanted it. */
  key: KeyObject | undefined | null
}

/** A member as a key; the one before, where it has not changed. None for what is nested so deep that it cannot be written. */
function keyKeptIn(before: readonly ServerKey[]): (jwk: Jwk) => readonly ServerKey[] {
  return jwk => {
    try {
      const text = JSON.stringify(jwk)
      return [before.find(one => one.text === text) ?? { jwk, text, key: null }]
    } catch {
      return []
    }
  }
}

function* fitting(keys: readonly ServerKey[], { alg, kid }: KeyWanted): Generator<KeyObject> {
  const fits = asymmetricEncryption.includes(alg) ? fitsEncryption : fitsAlgorithm
  let count = 0
  for (const one of keys) {
    if (count === mostTried) return
    if ((kid !== undefined && one.jwk.kid !== kid) || !fits(one.jwk, alg)) continue
    if (one.key === null) one.key = verificationKey(one.jwk)
    if (one.key === undefined) continue
    count++
    yield one.key
  }
}

const byClient = new WeakMap<Client, ServerKeys>()
const byPlace = new Map<string, ServerKeys>()

/**
 * The keys of a client's server; nothing is asked yet.
 *
 * @throws TypeError naming `jwks_uri` where the metadata has neither that nor `jwks`
 */
export function serverKeys(client: Client): ServerKeys {
  let keys = byClient.get(client)
  if (keys === undefined) {
    keys = keysAt(client)
    byClient.set(client, keys)
  }
  return keys
}

/**
 * Refuses, before a user is asked, what no ID token could be checked with.
 *
 * @throws TypeError naming `jwks_uri` where the server signs them by keys that the metadata says nothing of
 */
export function checkHasKeys(client: Client): void {
  const isMac = client.metadata.id_token_signed_response_alg?.startsWith('HS') === true
  if (!isMac && !hasKeys(client)) endpointFor(client, 'jwks_uri')
}

/** Whether the metadata says where the keys are, or has them. */
export function hasKeys({ provider: { metadata } }: Client): boolean {
  return metadata.jwks_uri !== undefined || metadata.jwks !== undefined
}

function keysAt(client: Client): ServerKeys {
  const { jwks, jwks_uri: uri } = client.provider.metadata
  if (uri === undefined && jwks !== undefined) return new ServerKeys(async () => jwks.keys)
  const place = JSON.stringify([endpointFor(client, 'jwks_uri'), client.connection])
  const keys = byPlace.get(place) ?? new ServerKeys(fetchKeys)
  // the one that was wanted last is the last of the table
  byPlace.delete(place)
  if (byPlace.size >= mostSets) byPlace.delete(byPlace.keys().next().value as string)
  byPlace.set(place, keys)
  return keys
}

/** Without credentials: the set is for everybody. */
function fetchKeys(client: Client): Promise<readonly unknown[]> {
  const shape = json(async ({ body }) => readSet(body))
  return sendToEndpoint(client, {
    endpoint: 'jwks_uri',
    method: 'GET',
    auth: { method: 'none', authenticate: async parameters => ({ parameters, headers: {} }) },
    resend: 'always',
    accepts: [shape, { ...shape, mediaType: 'application/jwk-set+json' }],
  })
}

function readSet(body: unknown): readonly unknown[] {
  const keys = isObject(body) ? body.keys : undefined
  if (Array.isArray(keys)) return keys
  throw new TokenResponseError(
    `expected a JWK set with a list of keys, got ${isObject(body) ? kindOf(keys) : kindOf(body)}`,
  )
}
