/** The sandbox's throwaway certificate authority and what it issues (RFC 5280), new at every start. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import {
  algorithmNull,
  bitString,
  booleanTrue,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  time,
  utf8String,
} from './der.js'

/** A certificate with the private key that belongs to it. */
export interface CertificateAndKey {
  /** PEM, one certificate. */
  readonly cert: string
  /** PEM, PKCS#8, not encrypted. */
  readonly key: string
}

/** Client certificates to call the mutual TLS systems with, rightly and wrongly. */
export interface ClientCertificates {
  /** The one the client is registered with. */
  readonly client: CertificateAndKey
  /** From the same CA, but of another client. */
  readonly other: CertificateAndKey
  /** From a CA no system knows. */
  readonly foreign: CertificateAndKey
  /** From the right CA, expired yesterday. */
  readonly expired: CertificateAndKey
}

/** Issues certificates; its own is what clients must trust. */
export interface CertificateAuthority {
  /** PEM. */
  readonly cert: string
  /** True when this authority signed the certificate; says nothing about its dates. */
  issued(certificate: X509Certificate): boolean
  /** A server certificate for these names: host names or IPv4 addresses. */
  issueServer(names: readonly string[]): CertificateAndKey
  /** A client certificate; valid for ten years unless `validUntil` says otherwise. */
  issueClient(commonName: string, validUntil?: Date): CertificateAndKey
}

const dayMs = 86_400_000
const oid = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

/** A new authority with a P-256 key. Dates count from the machine's time, since TLS checks them against that. */
export function createCertificateAuthority(commonName: string): CertificateAuthority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const validity = { notBefore: new Date(Date.now() - 30 * dayMs), notAfter: new Date(Date.now() + 3650 * dayMs) }
  const issuer = { commonName, keys }
  const constraints = [
    extension(oid.basicConstraints, sequence(booleanTrue()), true),
    extension(oid.keyUsage, bitString(Buffer.from([0b0000_0110]), 1), true),
  ]
  const cert = issue(issuer, { commonName, publicKey: keys.publicKey, ...validity, extensions: constraints })

  const leaf = (name: string, purpose: string, extensions: Buffer[], notAfter: Date): CertificateAndKey => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const usages = [
      extension(oid.keyUsage, bitString(Buffer.from([0b1000_0000]), 7), true),
      extension(oid.extendedKeyUsage, sequence(objectIdentifier(purpose))),
    ]
    const subject = { commonName: name, publicKey: pair.publicKey, notBefore: validity.notBefore, notAfter }
    return {
      cert: issue(issuer, { ...subject, extensions: [...usages, ...extensions] }),
      key: toPkcs8(pair.privateKey),
    }
  }
  return {
    cert,
    issued: certificate => certificate.issuer === `CN=${commonName}` && certificate.verify(keys.publicKey),
    issueServer: names => leaf(names[0] ?? 'localhost', oid.serverAuth, [subjectAltName(names)], validity.notAfter),
    issueClient: (name, validUntil = validity.notAfter) => leaf(name, oid.clientAuth, [], validUntil),
  }
}

/** The client certificates of a sandbox: one good, three bad in their own way. */
export function issueClientCertificates(authority: CertificateAuthority): ClientCertificates {
  return {
    client: authority.issueClient('sandbox-client'),
    other: authority.issueClient('sandbox-other-client'),
    foreign: createCertificateAuthority('Foreign CA').issueClient('sandbox-client'),
    expired: authority.issueClient('sandbox-client', new Date(Date.now() - dayMs)),
  }
}

/** A self-signed certificate around an RSA key, as WSO2 keeps its token signing key. */
export function selfSigned(commonName: string, keys: { publicKey: KeyObject; privateKey: KeyObject }): string {
  const validity = { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + 3650 * dayMs) }
  return issue({ commonName, keys }, { commonName, publicKey: keys.publicKey, ...validity, extensions: [] })
}

/** `x5t#S256` of a certificate: base64url of the SHA-256 of its DER (RFC 8705 §3.1). */
export function certificateThumbprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('base64url')
}

interface Subject {
  readonly commonName: string
  readonly publicKey: KeyObject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly extensions: readonly Buffer[]
}

interface Issuer {
  readonly commonName: string
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
}

/** RFC 5280 §4.1: the certificate body, then the signature over it. */
function issue(issuer: Issuer, subject: Subject): string {
  const algorithm = signatureAlgorithm(issuer.keys.privateKey)
  const keyIdentifiers = [
    extension(oid.subjectKeyIdentifier, octetString(keyIdentifier(subject.publicKey))),
    extension(oid.authorityKeyIdentifier, sequence(tagged(0x80, keyIdentifier(issuer.keys.publicKey)))),
  ]
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    algorithm,
    distinguishedName(issuer.commonName),
    sequence(time(subject.notBefore), time(subject.notAfter)),
    distinguishedName(subject.commonName),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...keyIdentifiers, ...subject.extensions)),
  )
  const certificate = sequence(body, algorithm, bitString(sign('sha256', body, issuer.keys.privateKey)))
  return new X509Certificate(certificate).toString()
}

function signatureAlgorithm(key: KeyObject): Buffer {
  return key.asymmetricKeyType === 'rsa'
    ? sequence(objectIdentifier(oid.sha256WithRsa), algorithmNull())
    : sequence(objectIdentifier(oid.ecdsaWithSha256))
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier(oid.commonName), utf8String(commonName))))
}

function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [booleanTrue()] : []), octetString(value))
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
}

function subjectAltName(names: readonly string[]): Buffer {
  const isAddress = (name: string) => /^\d+(\.\d+){3}$/.test(name)
  const encode = (name: string) =>
    isAddress(name) ? tagged(0x87, Buffer.from(name.split('.').map(Number))) : tagged(0x82, Buffer.from(name))
  return extension(oid.subjectAltName, sequence(...names.map(encode)))
}

function toPkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
