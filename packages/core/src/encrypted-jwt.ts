/** JWTs that are encrypted to the client: by its own keys, or by one made of its secret (RFC 7516, OpenID Connect Core §10.2). */
import type { Client } from './client.js'
import { type ResponseKind, registeredFor } from './client-metadata.js'
import {
  asymmetricEncryption,
  contentEncryption,
  decrypt,
  type Encryption,
  keyOfSecret,
  symmetricEncryption,
} from './decryption.js'
import { invalidJwt, type JwtReading, objectIn, shownOf } from './jwt-reading.js'
import { shownName } from './shown-value.js'

/**
 * Whether it is encrypted, by its five parts (RFC 7516 §9).
 *
 * @throws ValidationError with `check` `encryption` where it is not and has to be: somebody else may have signed it
 */
export function isEncrypted(reading: JwtReading, jwt: string): boolean {
  const third = jwt.indexOf('.', jwt.indexOf('.', jwt.indexOf('.') + 1) + 1)
  if (third !== -1 && /^[\w-]+(?:\.[\w-]*){4}$/.test(jwt)) return true
  const alg = reading.client.metadata[encryptionOf[reading.kind]]
  if (alg === undefined) return false
  throw invalidJwt(reading, 'encryption', `is not encrypted; ${alg} was registered`)
}

/** Written out: each JWT is asked for it, and a name put together each time takes longer than the rest of the question. */
const encryptionOf = {
  id_token: 'id_token_encrypted_response_alg',
  authorization: 'authorization_encrypted_response_alg',
  userinfo: 'userinfo_encrypted_response_alg',
  introspection: 'introspection_encrypted_response_alg',
} as const satisfies Record<ResponseKind, string>

/**
 * What an encrypted JWT holds: the signed one.
 *
 * @throws ValidationError with `check` `encryption` where none of the client's keys opens it; `jwt` where it is none
 */
export async function decryptJwt(reading: JwtReading, jwe: string): Promise<string> {
  const header = objectIn(reading, jwe.slice(0, jwe.indexOf('.')), 'its header')
  const encryption = checkedEncryption(reading, header)
  const keys = await keysFor(reading.client, encryption, header.kid)
  const text = await decrypt(jwe, encryption, keys)
  if (text !== undefined) return text
  const which = typeof header.kid === 'string' ? `kid ${shownName(header.kid, reading)}` : 'no kid'
  const tried = keys.length === 0 ? 'none of the decryptionKeys fits' : 'no key that fits opens it'
  throw invalidJwt(reading, 'encryption', `cannot be decrypted (${encryption.alg}, ${which}): ${tried}`)
}

/** As registered; where nothing was, by any of the client's own keys. */
function checkedEncryption(reading: JwtReading, { alg, enc }: Readonly<Record<string, unknown>>): Encryption {
  const { encryption: registered } = registeredFor(reading.client.metadata, reading.kind)
  const algs = registered === undefined ? asymmetricEncryption : [registered.alg]
  const encs = registered === undefined ? contentEncryption : [registered.enc]
  if (registered === undefined && reading.client.decryptionKeys.size === 0)
    throw invalidJwt(reading, 'encryption', 'is encrypted, and the client has no decryptionKeys')
  if (algs.includes(alg as string) && encs.includes(enc as string)) return { alg, enc } as Encryption
  const wanted = registered === undefined ? `taken are ${algs.join(', ')}` : `registered was ${algs[0]} with ${encs[0]}`
  const came = `${shownOf(reading, alg)} with ${shownOf(reading, enc)}`
  throw invalidJwt(reading, 'encryption', `is encrypted by ${came}; ${wanted}`)
}

async function keysFor(client: Client, encryption: Encryption, kid: unknown): Promise<Parameters<typeof decrypt>[2]> {
  const { alg } = encryption
  if (!symmetricEncryption.includes(alg)) return client.decryptionKeys.for(alg, kid)
  return [keyOfSecret((await client.auth.secret?.()) ?? '', encryption)]
}
