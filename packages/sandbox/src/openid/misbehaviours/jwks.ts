/** What can be wrong with a JWK set (RFC 7517 §5). */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { documentMisbehaviours, member } from './document.js'
import type { Changes } from './index.js'
import { strangersKey } from './stranger.js'

/** By name. */
export const jwksMisbehaviours = {
  ...documentMisbehaviours,
  'missing keys': member({ keys: undefined }),
  'no keys': member({ keys: [] }),
  'keys as object': member(body => ({ keys: { ...keysOf(body) } })),
  /** Private keys in place of the public ones. */
  'private keys': ({ body }, { keys }) => {
    body.keys = [keys.for('RS256'), keys.for('ES256')].map(({ kid, privateKey }) => ({
      ...privateKey.export({ format: 'jwk' }),
      kid,
    }))
  },
  /** A stranger's key in front of each, under the same `kid`. */
  'duplicated kids': member(body => ({
    keys: keysOf(body).flatMap(key => [{ ...strangersJwk(key), kid: key.kid, use: 'sig' }, key]),
  })),
  /** A stranger's keys only, under the right `kid`s. */
  "a stranger's keys": member(body => ({
    keys: keysOf(body).map(key => ({ ...strangersJwk(key), kid: key.kid, use: 'sig' })),
  })),
  /** Keys without a `kid`, one of each type. */
  'no kids': member(body => ({ keys: keysOf(body).map(({ kid: _kid, ...key }) => key) })),
  /** Several RSA keys, none with a `kid`. */
  'several keys without kid': member(body => ({
    keys: keysOf(body).flatMap(({ kid: _kid, ...key }) => [strangersJwk(key), key]),
  })),
  /** For encryption, all of them. */
  'keys for encryption': member(body => ({ keys: keysOf(body).map(key => ({ ...key, use: 'enc' })) })),
  /** Secrets under the right `kid`s. */
  'symmetric keys': member(body => ({ keys: keysOf(body).map(({ kid }) => ({ kty: 'oct', k: 'c2VjcmV0', kid })) })),
  /** Things that are no keys, before the good ones. */
  'rubbish among the keys': member(body => ({
    keys: [null, 7, 'key', [], {}, { kty: 'RSA' }, { kty: 'new', kid: 'x' }, ...keysOf(body)],
  })),
  /** 100,000 keys beside the good ones. */
  'too many keys': ({ body }) => {
    const many = Array.from({ length: 100_000 }, (_, number) => ({ kty: 'oct', kid: `k${number}`, k: 'AAAA' }))
    body.keys = [...many, ...keysOf(body)]
  },
} satisfies Changes<'jwks'>

type PublishedKey = JsonWebKey & { readonly kid?: string }

function keysOf(body: Readonly<Record<string, unknown>>): PublishedKey[] {
  return body.keys as PublishedKey[]
}

function strangersJwk({ kty }: JsonWebKey): JsonWebKey {
  return createPublicKey(strangersKey(kty === 'EC' ? 'ES256' : 'RS256')).export({ format: 'jwk' })
}
