/** The keys the server signs with, what its JWKS says of them, and their rotation. */
import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { signingKeysFor } from '../signing-keys.js'
import type { SigningAlgorithm } from './settings.js'

/** A key pair of the server under its `kid`. */
export interface ServerKey {
  readonly kid: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

const generate = promisify(generateKeyPair) as unknown as (
  type: string,
  options: object,
) => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>

/** One RSA and one P-256 key; rotated, both are new under new `kid`s and the old are gone. */
export class ServerKeys {
  #generation = 1
  #rsa: ServerKey
  #ec: ServerKey
  readonly #others: Record<string, unknown>[] = []

  private constructor(rsa: ServerKey, ec: ServerKey) {
    this.#rsa = rsa
    this.#ec = ec
  }

  static async create(): Promise<ServerKeys> {
    const [rsa, ec] = await Promise.all([signingKeysFor('server'), generate('ec', { namedCurve: 'P-256' })])
    return new ServerKeys({ ...rsa, kid: 'rsa-1' }, { ...ec, kid: 'ec-1' })
  }

  for(algorithm: SigningAlgorithm): ServerKey {
    return algorithm === 'ES256' ? this.#ec : this.#rsa
  }

  async rotate(): Promise<void> {
    const [rsa, ec] = await Promise.all([
      generate('rsa', { modulusLength: 2048 }),
      generate('ec', { namedCurve: 'P-256' }),
    ])
    this.#generation += 1
    this.#rsa = { ...rsa, kid: `rsa-${this.#generation}` }
    this.#ec = { ...ec, kid: `ec-${this.#generation}` }
  }

  /** Lists a further key, until the end. */
  publish(jwk: Record<string, unknown>): void {
    this.#others.push(jwk)
  }

  /** The public keys as JWKs (RFC 7517 §5), without `alg`: the RSA one serves RS256 and PS256. */
  published(): Record<string, unknown>[] {
    const own = [this.#rsa, this.#ec].map(({ kid, publicKey }) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      use: 'sig',
    }))
    return [...own, ...this.#others]
  }
}
