/** Compact JWE (RFC 7516 §3.1) to an RSA key on node:crypto, as an OpenID Provider encrypts ID tokens. */
import { constants, createCipheriv, createHmac, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto'

/** How the content key reaches the client (RFC 7518 §4.1); `RSA1_5` is what FAPI forbids. */
export type KeyManagement = 'RSA-OAEP' | 'RSA-OAEP-256' | 'RSA1_5'

/** How the content is encrypted (RFC 7518 §5.1). */
export type ContentEncryption = 'A256GCM' | 'A128GCM' | 'A128CBC-HS256'

/** Encrypts a text, usually a JWS. */
export function encryptJwt(text: string, header: Readonly<Record<string, unknown>>, key: KeyObject): string {
  const { alg, enc } = header as { alg: KeyManagement; enc: ContentEncryption }
  const contentKey = randomBytes(enc === 'A128GCM' ? 16 : 32)
  const protectedHeader = Buffer.from(JSON.stringify(header)).toString('base64url')
  const { iv, ciphertext, tag } = seal(enc, contentKey, Buffer.from(text), Buffer.from(protectedHeader))
  const encryptedKey = publicEncrypt({ key, ...keyManagement[alg] }, contentKey)
  return [protectedHeader, ...[encryptedKey, iv, ciphertext, tag].map(part => part.toString('base64url'))].join('.')
}

const keyManagement: Readonly<Record<KeyManagement, { padding: number; oaepHash?: string }>> = {
  'RSA-OAEP': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
  'RSA-OAEP-256': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  RSA1_5: { padding: constants.RSA_PKCS1_PADDING },
}

interface Sealed {
  readonly iv: Buffer
  readonly ciphertext: Buffer
  readonly tag: Buffer
}

function seal(enc: ContentEncryption, key: Buffer, plaintext: Buffer, additional: Buffer): Sealed {
  if (enc === 'A128CBC-HS256') return sealCbc(key, plaintext, additional)
  const iv = randomBytes(12)
  const cipher = createCipheriv(enc === 'A256GCM' ? 'aes-256-gcm' : 'aes-128-gcm', key, iv).setAAD(additional)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return { iv, ciphertext, tag: cipher.getAuthTag() }
}

/** RFC 7518 §5.2.2.1: the first half of the key authenticates, the second encrypts. */
function sealCbc(key: Buffer, plaintext: Buffer, additional: Buffer): Sealed {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-128-cbc', key.subarray(16), iv)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  const bits = Buffer.alloc(8)
  bits.writeBigUInt64BE(BigInt(additional.length * 8))
  const mac = createHmac('sha256', key.subarray(0, 16)).update(additional).update(iv).update(ciphertext).update(bits)
  return { iv, ciphertext, tag: mac.digest().subarray(0, 16) }
}
