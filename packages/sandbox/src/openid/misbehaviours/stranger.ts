/** Somebody who is not the server, and what is theirs. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'

/** An issuer nobody asked for. */
export const stranger = 'https://stranger.example'

let rsa: KeyObject | undefined
let ec: KeyObject | undefined

/** A private key the server has never published, fit for the algorithm; made once. */
export function strangersKey(algorithm: unknown): KeyObject {
  if (algorithm === 'ES256') {
    ec ??= generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    return ec
  }
  rsa ??= generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  return rsa
}
