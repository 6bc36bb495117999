/** Certificates made when first needed, so that none lies in the package and expires (RFC 5280 §4.1). */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto'

interface Issued {
  readonly cert: string
  readonly key: string
  /** SHA-256, as `fingerprint256` of a peer's certificate. */
  readonly fingerprint: string
}

export interface Certificates {
  /** Vouches for all the others. */
  readonly ca: string
  /** For 127.0.0.1 and localhost. */
  readonly server: Issued
  readonly client: Issued
  readonly otherClient: Issued
}

let made: Certificates | undefined

export function certificates(): Certificates {
  made ??= make()
  return made
}

function make(): Certificates {
  const ca = issue('Contract CA')
  return {
    ca: ca.cert,
    server: issue('localhost', ca),
    client: issue('client', ca),
    otherClient: issue('other client', ca),
  }
}

interface Authority extends Issued {
  readonly name: string
  readonly privateKey: KeyObject
}

/** @param issuer default: signed with its own key, as a CA is */
function issue(name: string, issuer?: Authority): Authority {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const toBeSigned = sequence(
    der(0xa0, der(0x02, hex('02'))),
    der(0x02, hex(`01${Date.now().toString(16).padStart(12, '0')}${(++serial).toString(16).padStart(4, '0')}`)),
    ecdsaWithSha256,
    distinguishedName(issuer?.name ?? name),
    sequence(time(-aDayMs), time(aDayMs)),
    distinguishedName(name),
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(issuer === undefined ? isAuthority : isLoopback)),
  )
  const signature = sign('sha256', toBeSigned, issuer?.privateKey ?? privateKey)
  const cert = new X509Certificate(sequence(toBeSigned, ecdsaWithSha256, der(0x03, hex('00'), signature)))
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { cert: cert.toString(), key, fingerprint: cert.fingerprint256, name, privateKey }
}

let serial = 0
const aDayMs = 86_400_000

const ecdsaWithSha256 = sequence(hex('06082a8648ce3d040302'))
/** `basicConstraints`, critical: a CA. */
const isAuthority = sequence(hex('0603551d13'), hex('0101ff'), der(0x04, sequence(hex('0101ff'))))
/** `subjectAltName`: localhost and 127.0.0.1. */
const isLoopback = sequence(
  hex('0603551d11'),
  der(0x04, sequence(der(0x82, Buffer.from('localhost')), der(0x87, hex('7f000001')))),
)

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(hex('0603550403'), der(0x0c, Buffer.from(name)))))
}

function time(fromNowMs: number): Buffer {
  const text = new Date(Date.now() + fromNowMs).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return der(0x18, Buffer.from(`${text}Z`))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts)
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function hex(digits: string): Buffer {
  return Buffer.from(digits, 'hex')
}
