/** The CAs that vouch for a server: what Node trusts by itself, what the user names, and nothing that a PFX brings. */
import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import tls, { type PeerCertificate } from 'node:tls'

/** The certificates in a text. */
export function pemBlocks(text: string): string[] {
  return text.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? []
}

/** What Node trusts by itself. `getCACertificates` is there from 22.15 on, and knows nothing of OpenSSL's own store. */
export function defaultAuthorities(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default' | 'extra') => string[] }
  if (usesOpensslStore()) return [...opensslAuthorities(), ...(getCACertificates?.('extra') ?? extraAuthorities())]
  return getCACertificates?.('default') ?? [...tls.rootCertificates, ...extraAuthorities()]
}

/** As Node goes by: the option, wherever it stands, or how it was built. */
function usesOpensslStore(): boolean {
  const options = [...(process.env.NODE_OPTIONS ?? '').split(/\s+/), ...process.execArgv]
  const chosen = options.map(option => option.replaceAll('_', '-')).filter(option => storeOptions.includes(option))
  const { defines = [] } = (process.config.target_defaults ?? {}) as { defines?: string[] }
  return (
    (chosen.at(-1) ?? (defines.includes('NODE_OPENSSL_CERT_STORE') ? storeOptions[0] : undefined)) === storeOptions[0]
  )
}

const storeOptions = ['--use-openssl-ca', '--use-bundled-ca']

/** Of a file that is missing or cannot be read Node only warns, and so it is here. */
function extraAuthorities(): string[] {
  return certificatesIn(process.env.NODE_EXTRA_CA_CERTS)
}

/** What `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or where OpenSSL looks without them. */
function opensslAuthorities(): string[] {
  const { SSL_CERT_FILE, SSL_CERT_DIR } = process.env
  const files = SSL_CERT_FILE ? [SSL_CERT_FILE] : opensslFolders.map(folder => join(folder, 'cert.pem'))
  const folders = SSL_CERT_DIR ? SSL_CERT_DIR.split(delimiter) : opensslFolders.map(folder => join(folder, 'certs'))
  return [...new Set([...files, ...folders.flatMap(hashedFiles)].flatMap(certificatesIn))]
}

const opensslFolders = ['/etc/ssl', '/usr/lib/ssl', '/etc/pki/tls', '/usr/local/ssl']

/** OpenSSL finds a CA by the hash of its subject, which is the name of the file. */
function hashedFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter(name => /^[\da-f]{8}\.\d+$/.test(name))
      .map(name => join(folder, name))
  } catch {
    return []
  }
}

function certificatesIn(path: string | undefined): string[] {
  try {
    return path ? pemBlocks(readFileSync(path, 'utf8')) : []
  } catch {
    return []
  }
}

/** A peer's certificate with those of its issuers, as Node hands it to `checkServerIdentity`. */
type Chain = PeerCertificate & { readonly issuerCertificate?: Chain }

/**
 * Whether the chain of a certificate that OpenSSL has accepted leads to one of these. OpenSSL also trusts the CAs that came
 * with a PFX, and nothing takes them out of its store again.
 */
export function vouchesFor(authorities: readonly X509Certificate[], peer: PeerCertificate): boolean {
  const seen = new Set<unknown>()
  for (let link: Chain | undefined = peer; link?.raw && !seen.has(link); link = link.issuerCertificate) {
    seen.add(link)
    const certificate = new X509Certificate(link.raw)
    if (authorities.some(authority => isOrHasIssued(authority, certificate))) return true
  }
  return false
}

function isOrHasIssued(authority: X509Certificate, certificate: X509Certificate): boolean {
  if (authority.raw.equals(certificate.raw)) return true
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}
