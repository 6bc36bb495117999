/** Client certificate and CA as data, replaceable at run time (RFC 8705), and their checks. */
import { createHash, X509Certificate } from 'node:crypto'
import { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, type SecureContextOptions, TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { parsePrivateKey } from './keys.js'
import {
  checkNumber,
  checkObject,
  checkOptions,
  checkText,
  lineBreakHint,
  optionError,
  refusePromise,
} from './options.js'
import { readPem } from './pem.js'

/** A certificate with its key in PEM, or both in one PFX (PKCS #12). */
export type ClientCertificateOptions =
  | {
      /** The certificate first, then the rest of its chain, if any. */
      readonly cert: string | Uint8Array
      /** The private key of the certificate, PEM. */
      readonly key: string | Uint8Array
      /** Decrypts the key. */
      readonly passphrase?: string | undefined
    }
  | {
      /** The bytes of the PFX file. */
      readonly pfx: Uint8Array
      /** Decrypts the PFX. */
      readonly passphrase?: string | undefined
    }

/** A client certificate that can be replaced while it is in use; shows its thumbprint and never its key. */
export interface ClientCertificate {
  /** SHA-256 of the certificate in use, base64url, as the server binds tokens to it (RFC 8705 §3.1, `x5t#S256`). */
  readonly thumbprint: string
  /** From when on the certificate in use is valid, in milliseconds since the epoch. */
  readonly validFrom: number
  /** When the certificate in use expires, in milliseconds since the epoch. A client is not made with an expired one. */
  readonly expiresAt: number
  /** What `tls.createSecureContext()` takes, key included: one and the same object until it is replaced. */
  readonly contextOptions: Readonly<ClientCertificateOptions>
  /**
   * Puts another certificate in place: new connections use it, requests under way finish on the old one.
   *
   * @throws {TypeError} naming the option, as `clientCertificate()`; the old one then stays
   */
  replace(options: ClientCertificateOptions): void
  /** Calls `listener` after each replacement; returns how to stop that. */
  onReplaced(listener: () => void): () => void
}

/** What a connection is made with. Verification of the server is always on, whatever the environment says. */
export interface TlsOptions {
  /** What the client shows of itself, made by `clientCertificate()`. Default: none. */
  readonly certificate?: ClientCertificate | undefined
  /** CA certificates in PEM, for servers that no public CA vouches for. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined
  /** Whether `ca` is trusted beside Node's own CAs (and `NODE_EXTRA_CA_CERTS`) or instead of them. Default `add`. */
  readonly caMode?: 'add' | 'replace' | undefined
  /** The name sent as SNI and expected in the server's certificate. Default: the URL's host. */
  readonly servername?: string | undefined
  /** Where the TCP connection goes instead of the URL's host and port; name, `Host` and verification stay the URL's. */
  readonly connectTo?: { readonly host: string; readonly port?: number | undefined } | undefined
}

/**
 * Reads a client certificate and its key, and checks that they belong together.
 *
 * @throws {TypeError} naming `certificate.cert`, `.key`, `.pfx` or `.passphrase`
 */
export function clientCertificate(options: ClientCertificateOptions): ClientCertificate {
  return new ReplaceableCertificate(options)
}

/** The thumbprint of a certificate (the first, when there are several), SHA-256 of its DER, base64url: `x5t#S256`. */
export function certificateThumbprint(cert: string | Uint8Array | X509Certificate): string {
  const { raw } = cert instanceof X509Certificate ? cert : (parseCertificates('cert', cert)[0] as X509Certificate)
  return createHash('sha256').update(raw).digest('base64url')
}

/** Names and checks what `TlsOptions` holds; for the functions that take them among their own options. */
export const tlsOptionNames = ['certificate', 'ca', 'caMode', 'servername', 'connectTo'] as const

/**
 * Checks what connections are made with; unknown members are left to {@link checkTls}.
 *
 * @param prefix where the options stand among the caller's, such as `tls.`
 * @throws {TypeError} naming the option
 */
export function checkTlsOptions(options: TlsOptions, prefix = ''): void {
  const { certificate, ca, caMode, servername, connectTo } = options
  if (certificate !== undefined) checkCertificate(`${prefix}certificate`, certificate)
  if (Array.isArray(ca) && ca.length === 0) throw optionError(`${prefix}ca`, 'holds no certificate')
  if (ca !== undefined) for (const one of [ca].flat()) checkGivenAuthority(`${prefix}ca`, one)
  if (![undefined, 'add', 'replace'].includes(caMode)) throw optionError(`${prefix}caMode`, 'must be add or replace')
  if (caMode !== undefined && ca === undefined) throw optionError(`${prefix}ca`, 'is needed with caMode')
  if (servername !== undefined) checkHost(`${prefix}servername`, servername)
  if (connectTo !== undefined) checkConnectTo(`${prefix}connectTo`, connectTo)
}

function checkGivenAuthority(option: string, ca: string | Uint8Array): void {
  refusePromise(option, ca)
  parseCertificates(option, ca)
}

function checkConnectTo(option: string, connectTo: NonNullable<TlsOptions['connectTo']>): void {
  checkObject(option, connectTo)
  const { host, port, ...others } = connectTo
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw optionError(`${option}.${unknown}`, 'does not exist; connectTo takes host and port')
  checkHost(`${option}.host`, host)
  if (port === undefined) return
  checkNumber(`${option}.port`, port, 1)
  if (!Number.isInteger(port) || port > 65_535) throw optionError(`${option}.port`, 'must be a port from 1 to 65535')
}

/** A name or an address, without the rest of a URL. */
function checkHost(option: string, host: string): void {
  checkText(option, host)
  if (/[\s/@?#]/.test(host)) throw optionError(option, 'must be the name of a host alone, such as gateway.example.com')
}

function checkCertificate(option: string, certificate: unknown): void {
  refusePromise(option, certificate)
  if (typeof Object(certificate).thumbprint !== 'string')
    throw optionError(
      option,
      'must come from clientCertificate({ cert, key }) or clientCertificate({ pfx, passphrase })',
    )
}

/**
 * Checks a `tls` option: every member, and the dates of the certificate.
 *
 * @param maker the function it was given to
 * @throws {TypeError} naming the option, as `tls.ca`; Node's own names for a certificate are told what to write instead
 */
export function checkTls(maker: string, options: TlsOptions, now: number): void {
  refusePromise('tls', options)
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw optionError('tls', 'must be an object, such as { certificate, ca }')
  for (const name of Object.keys(options)) {
    const instead = insteadOf[name]
    if (instead !== undefined) throw optionError(`tls.${name}`, instead)
    if (!tlsOptionNames.some(known => known === name))
      throw optionError(`tls.${name}`, `is not an option of ${maker}(); tls takes ${tlsOptionNames.join(', ')}`)
  }
  checkTlsOptions(options, 'tls.')
  if (options.certificate !== undefined) checkDates('tls.certificate', options.certificate, now)
}

const pair =
  'stands in a certificate that can be replaced: write tls: { certificate: clientCertificate({ cert, key }) }'
const pfx =
  'stands in a certificate that can be replaced: write tls: { certificate: clientCertificate({ pfx, passphrase }) }'

/** What Node's `tls` and `https` call it. */
const insteadOf: Readonly<Record<string, string>> = {
  cert: pair,
  key: pair,
  pfx,
  passphrase: 'decrypts a key: write tls: { certificate: clientCertificate({ cert, key, passphrase }) }',
  rejectUnauthorized: 'does not exist: servers are always verified; pass the CA of a private one as tls.ca',
  host: 'is the URL’s; to connect elsewhere write tls: { connectTo: { host, port } }',
}

/** Refuses a certificate that no server can accept now. */
function checkDates(option: string, certificate: ClientCertificate, now: number): void {
  const problem = datesProblem(certificate, now)
  if (problem !== undefined) throw optionError(option, problem)
}

/** Why a certificate is not good at an instant, by its dates, if so. */
export function datesProblem(certificate: ClientCertificate, now: number): string | undefined {
  const { validFrom, expiresAt } = certificate
  if (now >= expiresAt) return `expired on ${new Date(expiresAt).toISOString()}`
  if (now < validFrom) return `is not valid before ${new Date(validFrom).toISOString()}`
  return undefined
}

interface Material {
  readonly contextOptions: Readonly<ClientCertificateOptions>
  readonly thumbprint: string
  readonly validFrom: number
  readonly expiresAt: number
}

class ReplaceableCertificate implements ClientCertificate {
  #material: Material
  #listeners = new Set<() => void>()

  constructor(options: ClientCertificateOptions) {
    this.#material = readMaterial(options)
  }

  get thumbprint(): string {
    return this.#material.thumbprint
  }

  get validFrom(): number {
    return this.#material.validFrom
  }

  get expiresAt(): number {
    return this.#material.expiresAt
  }

  get contextOptions(): Readonly<ClientCertificateOptions> {
    return this.#material.contextOptions
  }

  replace(options: ClientCertificateOptions): void {
    this.#material = readMaterial(options)
    for (const listener of this.#listeners) listener()
  }

  onReplaced(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  toJSON(): { thumbprint: string } {
    return { thumbprint: this.thumbprint }
  }

  [inspect.custom](): string {
    return `ClientCertificate { thumbprint: '${this.thumbprint}' }`
  }
}

function readMaterial(options: ClientCertificateOptions): Material {
  checkOptions('clientCertificate', options, ['cert', 'key', 'pfx', 'passphrase'])
  const { cert, key, pfx, passphrase } = options as { cert?: string; key?: string; pfx?: Buffer; passphrase?: string }
  if (passphrase !== undefined) checkText('certificate.passphrase', passphrase)
  if (pfx !== undefined && (cert ?? key) !== undefined)
    throw optionError('certificate.pfx', 'holds certificate and key already; remove cert and key, or pfx')
  return pfx === undefined ? readPair(cert, key, passphrase) : readPfx(pfx, passphrase)
}

function readPair(cert: string | undefined, key: string | undefined, passphrase: string | undefined): Material {
  if (cert === undefined) throw optionError('certificate.cert', 'is required, with key; or pfx instead of both')
  if (key === undefined) throw optionError('certificate.key', 'is required with cert')
  const leaf = parseCertificates('certificate.cert', cert)[0] as X509Certificate
  const privateKey = parsePrivateKey('certificate.key', key, passphrase)
  if (!leaf.checkPrivateKey(privateKey))
    throw optionError('certificate.key', 'does not belong to the (first) certificate in cert')
  const contextOptions = Object.freeze({ cert, key, passphrase })
  tryContext('certificate.cert', contextOptions)
  return material(contextOptions, leaf)
}

function readPfx(pfx: Uint8Array, passphrase: string | undefined): Material {
  if (!(pfx instanceof Uint8Array))
    throw optionError('certificate.pfx', 'must be the bytes of a PFX file: readFileSync(path), without an encoding')
  if (Buffer.from(pfx.subarray(0, 64)).includes('-----BEGIN'))
    throw optionError('certificate.pfx', 'is PEM: write clientCertificate({ cert, key })')
  const contextOptions = Object.freeze({ pfx, passphrase })
  const leaf = certificateIn(tryContext('certificate.pfx', contextOptions))
  if (leaf === undefined) throw optionError('certificate.pfx', 'holds no certificate with a private key')
  return material(contextOptions, leaf)
}

function material(contextOptions: Readonly<ClientCertificateOptions>, leaf: X509Certificate): Material {
  const [validFrom, expiresAt] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)]
  return { contextOptions, thumbprint: certificateThumbprint(leaf), validFrom, expiresAt }
}

/** OpenSSL has the last word on what it takes. */
function tryContext(option: string, contextOptions: Readonly<ClientCertificateOptions>): SecureContext {
  try {
    return createSecureContext(contextOptions as SecureContextOptions)
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    if (/mac verify failure/.test(message))
      throw optionError('certificate.passphrase', `does not decrypt the PFX${lineBreakHint(contextOptions.passphrase)}`)
    throw optionError(option, `is not usable: ${code ?? message}`)
  }
}

/** The certificate a context presents; Node tells through a socket alone, which is never connected. */
function certificateIn(context: SecureContext): X509Certificate | undefined {
  const socket = new TLSSocket(new Duplex(), { secureContext: context, isServer: true })
  const certificate = socket.getX509Certificate()
  socket.destroy()
  return certificate
}

function parseCertificates(option: string, pem: string | Uint8Array): X509Certificate[] {
  if (typeof pem !== 'string' && !(pem instanceof Uint8Array))
    throw optionError(option, 'must be PEM, as text or bytes')
  const blocks = readPem(option, pem, 'certificate').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (blocks === null) throw optionError(option, 'holds a certificate that is cut off')
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch {
    throw optionError(option, 'holds a certificate that cannot be read')
  }
}
