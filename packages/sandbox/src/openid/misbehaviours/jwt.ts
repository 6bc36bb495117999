/** What can be wrong with any JWT the server signs, whatever its claims. */
import { createPublicKey, createSecretKey } from 'node:crypto'
import { epochSeconds } from '../../clock.js'
import { type JwtDraft, publicKeyAsSecret } from '../drafts.js'
import type { OpenidProvider } from '../openid-provider.js'
import { stranger, strangersKey } from './stranger.js'

type ChangeJwt = (draft: JwtDraft, provider: OpenidProvider) => void

/** Sets claims; to undefined takes one out. */
export function claim(
  claims: object | ((claims: Readonly<Record<string, unknown>>, provider: OpenidProvider) => object),
): ChangeJwt {
  return (draft, provider) =>
    Object.assign(draft.claims, typeof claims === 'function' ? claims(draft.claims, provider) : claims)
}

/** By name. */
export const jwtMisbehaviours = {
  /** `iss` of another server. */
  'wrong iss': claim({ iss: stranger }),
  /** `iss` with a slash more than the server's own. */
  'iss with a slash': claim(claims => ({ iss: `${claims.iss}/` })),
  'missing iss': claim({ iss: undefined }),
  /** `aud` is another client. */
  'wrong aud': claim({ aud: 'another-client' }),
  /** `aud` begins as the client's id does. */
  'aud that starts right': claim(claims => ({ aud: `${claims.aud}-2` })),
  'missing aud': claim({ aud: undefined }),
  /** Right, as a list of one. */
  'aud as array': claim(claims => ({ aud: [claims.aud] })),
  'empty aud': claim({ aud: [] }),
  /** Expired ten minutes ago. */
  expired: claim((_claims, { clock }) => ({ exp: epochSeconds(clock.now()) - 600 })),
  'missing exp': claim({ exp: undefined }),
  /** `exp` as text. */
  'exp as text': claim(claims => ({ exp: String(claims.exp) })),
  /** `nbf` an hour from now. */
  'not yet valid': claim((_claims, { clock }) => ({ nbf: epochSeconds(clock.now()) + 3600 })),
  /** Not signed, and says so. */
  'alg none': draft => {
    draft.header.alg = 'none'
    draft.key = undefined
  },
  /** `alg` says RS256 or the like, the signature is empty. */
  'empty signature': draft => Object.assign(draft, { finish: (jwt: string) => jwt.slice(0, jwt.lastIndexOf('.') + 1) }),
  /** The right claims under a signature of other ones. */
  'bad signature': draft => Object.assign(draft, { finish: tampered }),
  /** An HMAC whose secret is the server's public key, under that key's `kid`. */
  'HS256 with the public key': (draft, { keys }) => {
    draft.header.alg = 'HS256'
    draft.key = publicKeyAsSecret(keys.for('RS256').publicKey)
  },
  /** An HMAC whose secret is the client's. */
  'HS256 with the client secret': (draft, { clientSecret }) => {
    draft.header.alg = 'HS256'
    draft.key = createSecretKey(Buffer.from(clientSecret))
  },
  /** Signed with the server's key, under another algorithm than the client is registered with. */
  'other alg': (draft, { keys }) => {
    const alg = draft.header.alg === 'RS256' ? 'PS256' : 'RS256'
    const { kid, privateKey } = keys.for(alg)
    Object.assign(draft.header, { alg, kid })
    draft.key = privateKey
  },
  /** ES256 with the server's own key, where the client is registered with RS256 or PS256. */
  'other alg ES256': (draft, { keys }) => {
    const { kid, privateKey } = keys.for('ES256')
    Object.assign(draft.header, { alg: 'ES256', kid })
    draft.key = privateKey
  },
  /** `crit` names a header nobody knows (RFC 7515 §4.1.11). */
  'unknown crit': ({ header }) =>
    Object.assign(header, { crit: ['https://stranger.example/must'], 'https://stranger.example/must': true }),
  'empty crit': ({ header }) => Object.assign(header, { crit: [] }),
  /** A `kid` that no JWKS of the server has. */
  'unknown kid': ({ header }) => Object.assign(header, { kid: 'nobody' }),
  'missing kid': ({ header }) => Object.assign(header, { kid: undefined }),
  /** `kid` is a path. */
  'kid as a path': ({ header }) => Object.assign(header, { kid: '../../../../dev/null' }),
  /** Another key under the right `kid`. */
  'another key': draft => Object.assign(draft, { key: strangersKey(draft.header.alg) }),
  /** Another key, which the header carries along (RFC 7515 §4.1.3). */
  'key in the header': draft => {
    draft.key = strangersKey(draft.header.alg)
    draft.header.jwk = createPublicKey(draft.key).export({ format: 'jwk' })
    delete draft.header.kid
  },
  /** Another key, to be fetched from a stranger (RFC 7515 §4.1.2). */
  'key at a URL': draft => {
    draft.key = strangersKey(draft.header.alg)
    Object.assign(draft.header, { jku: `${stranger}/jwks`, x5u: `${stranger}/certificate` })
  },
  /** Two parts instead of three. */
  'two parts': draft => Object.assign(draft, { finish: (jwt: string) => jwt.split('.').slice(0, 2).join('.') }),
  /** Claims that are a list. */
  'claims as array': draft => Object.assign(draft, { payload: JSON.stringify([draft.claims]) }),
  'claims not JSON': draft => Object.assign(draft, { payload: '<html>' }),
  /** A first `iss` and `aud` of a stranger, then the right ones; a second parser may read the first. */
  'duplicate claims': draft =>
    Object.assign(draft, {
      payload: `{"iss":"${stranger}","aud":"another-client",${JSON.stringify(draft.claims).slice(1)}`,
    }),
  /** Claims 100,000 levels deep. */
  'deep claims': draft =>
    Object.assign(draft, {
      payload: `{"deep":${'['.repeat(100_000)}${']'.repeat(100_000)},${JSON.stringify(draft.claims).slice(1)}`,
    }),
  /** Right, and five megabytes long. */
  'huge claims': claim(() => ({ padding: 'a'.repeat(5_000_000) })),
} satisfies Record<string, ChangeJwt>

/** A text whose signature no longer fits: one character of it changed. */
function tampered(jwt: string): string {
  const at = jwt.lastIndexOf('.') + 10
  return `${jwt.slice(0, at)}${jwt[at] === 'A' ? 'B' : 'A'}${jwt.slice(at + 1)}`
}
