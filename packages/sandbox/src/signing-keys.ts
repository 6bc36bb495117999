/** RSA keys of 2048 bits, made once per process since they take the longest of all at start. */
import { createHash, generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { selfSigned } from './certificates.js'

/** A key pair and, for the server's, the certificate WSO2 derives its `kid` from. */
export interface SigningKeys {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  /** base64url of the hex SHA-256 of the certificate: a WSO2 `kid` is this, `_` and the algorithm. */
  readonly certificateHash: string
}

const generate = promisify(generateKeyPair)
const made = new Map<string, Promise<SigningKeys>>()

/** The key pair of this purpose; the same one for every sandbox in the process. */
export function signingKeysFor(purpose: 'client' | 'server'): Promise<SigningKeys> {
  const keys = made.get(purpose) ?? generateSigningKeys()
  made.set(purpose, keys)
  return keys
}

async function generateSigningKeys(): Promise<SigningKeys> {
  const keys = await generate('rsa', { modulusLength: 2048 })
  const der = new X509Certificate(selfSigned('wso2carbon', keys)).raw
  const hex = createHash('sha256').update(der).digest('hex')
  return { ...keys, certificateHash: Buffer.from(hex).toString('base64url') }
}
