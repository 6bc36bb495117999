/** What can be wrong with an ID token (OpenID Connect Core §2, §3.1.3.7, §3.3.2; FAPI 1.0 Advanced §5.2.2.1). */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type JwtDraft, writeJwt } from '../drafts.js'
import { encryptJwt } from '../jwe.js'
import type { Changes } from './index.js'
import { claim, jwtMisbehaviours } from './jwt.js'
import { stranger, strangersKey } from './stranger.js'

const week = 7 * 86_400

/** By name. */
export const idTokenMisbehaviours = {
  ...jwtMisbehaviours,
  /** The client and one nobody knows, without `azp`. */
  'several aud without azp': claim(claims => ({ aud: [claims.aud, 'another-client'] })),
  /** The client and one nobody knows, `azp` the client. */
  'several aud with azp': claim(claims => ({ aud: [claims.aud, 'another-client'], azp: claims.aud })),
  'wrong azp': claim({ azp: 'another-client' }),
  'missing sub': claim({ sub: undefined }),
  'empty sub': claim({ sub: '' }),
  'sub as number': claim({ sub: 7 }),
  /** Another user than everywhere else. */
  'other sub': claim({ sub: 'mallory' }),
  'missing iat': claim({ iat: undefined }),
  /** Issued a week ago, good for another week. */
  'iat a week ago': claim(claims => ({ iat: Number(claims.iat) - week })),
  /** Issued an hour from now. */
  'iat in the future': claim(claims => ({ iat: Number(claims.iat) + 3600 })),
  'wrong nonce': claim(claims => ({ nonce: `${claims.nonce}-2` })),
  'missing nonce': claim({ nonce: undefined }),
  'wrong at_hash': claim({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }),
  'missing at_hash': claim({ at_hash: undefined }),
  'wrong c_hash': claim({ c_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }),
  'missing c_hash': claim({ c_hash: undefined }),
  'wrong s_hash': claim({ s_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }),
  'missing s_hash': claim({ s_hash: undefined }),
  'wrong acr': claim({ acr: 'urn:weak' }),
  'missing acr': claim({ acr: undefined }),
  /** The login was a week ago. */
  'old auth_time': claim(claims => ({ auth_time: Number(claims.iat) - week })),
  'missing auth_time': claim({ auth_time: undefined }),
  /** Another consent than the one that was asked for. */
  'wrong openbanking_intent_id': claim({ openbanking_intent_id: 'another-consent' }),
  'missing openbanking_intent_id': claim({ openbanking_intent_id: undefined }),
  /** Signed with an RSA key of 1024 bits, which the JWKS has under its `kid` too. */
  'weak key': (draft, { keys }) => {
    weakKey ??= generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    draft.key = weakKey
    draft.header.alg = 'RS256'
    draft.header.kid = 'weak'
    keys.publish({ ...createPublicKey(weakKey).export({ format: 'jwk' }), kid: 'weak', use: 'sig' })
  },
  /** Encrypted with RSA1_5, which FAPI forbids. */
  'encrypted with RSA1_5': (draft, { clientKeys }) => encrypt(draft, 'RSA1_5', clientKeys.publicKey),
  /** Encrypted to somebody else's key. */
  'encrypted to another key': draft => encrypt(draft, 'RSA-OAEP', createPublicKey(strangersKey('RS256'))),
  /** Encrypted, and not signed inside. */
  'encrypted and not signed': (draft, { clientKeys }) => {
    draft.finish = () => encryptJwt(JSON.stringify(draft.claims), encryptionHeader('RSA-OAEP'), clientKeys.publicKey)
  },
  /** Compressed before it was encrypted (RFC 7516 §4.1.3). */
  'encrypted and compressed': (draft, { clientKeys }) => {
    const header = { ...encryptionHeader('RSA-OAEP'), zip: 'DEF' }
    draft.finish = jwt => encryptJwt(jwt, header, clientKeys.publicKey)
  },
  /** Not encrypted, whatever was registered. */
  'not encrypted': draft => {
    draft.finish = () => writeJwt({ ...draft, finish: jwt => jwt })
  },
  /** From another server altogether: its `iss`, its key. */
  "a stranger's": draft => {
    draft.claims.iss = stranger
    draft.key = strangersKey(draft.header.alg)
  },
} satisfies Changes<'id-token'>

let weakKey: KeyObject | undefined

function encryptionHeader(alg: string) {
  return { alg, enc: 'A256GCM', cty: 'JWT' }
}

function encrypt(draft: JwtDraft, alg: string, key: KeyObject): void {
  draft.finish = jwt => encryptJwt(jwt, encryptionHeader(alg), key)
}
