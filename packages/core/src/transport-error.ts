/** What an error of undici, Node or OpenSSL means for the request it ended: by what its code is, not by the words in it. */
import type { Socket } from 'node:net'
import { TransportError } from './errors.js'

/** The request that was ended. */
export interface Ended {
  /** Method and URL, without the query. */
  readonly request: string
  /** Whether a byte of it may have left. */
  readonly isSent: boolean
  /** Whether its connection had a client certificate to show. */
  readonly hasCertificate: boolean
}

/** What an error means. */
interface Meaning {
  readonly code: 'ERR_TRANSPORT' | 'ERR_TRANSPORT_TIMEOUT' | 'ERR_TRANSPORT_TLS' | 'ERR_TRANSPORT_CLOSED'
  readonly words: string
  readonly retryable: boolean
  readonly neverSent: boolean
}

/** The error for a caller: what it means, and the code it came with. */
export function transportError(error: unknown, ended: Ended): TransportError {
  const { code, message, words, retryable, neverSent } = { ...reduced(error), ...meaningOf(error, ended) }
  // A copy: what undici and Node throw may hold the received bytes or the certificate.
  const { reason } = reduced(error)
  const cause = Object.assign(new Error(message), { code: reason })
  return new TransportError(code, `${ended.request}: ${words} (${reason})`, { neverSent, retryable, cause })
}

const silent = new WeakSet<object>()
const ofProxies = new WeakSet<object>()

/**
 * Ends a connection at its first error. In TLS 1.3 a server refuses a client certificate after the handshake, by an alert
 * that Node reports before the end of the connection; undici would report that end alone.
 *
 * @see RFC 8446 §6.2, and §4.4.2.4 for when
 */
export function endAtFirstError(socket: Socket): void {
  socket.on('error', error => {
    if (socket.bytesRead === 0) silent.add(error)
    socket.destroy(error)
  })
}

/** Notes that it was the proxy's connection which failed. */
export function ofProxy<E extends object>(error: E): E {
  ofProxies.add(error)
  return error
}

/** A name to tell it by, and its words. Errors for several addresses have no words of their own. */
function reduced(error: unknown): { readonly reason: string; readonly message: string } {
  const { name = 'Error', code, message, errors } = Object(error) as NodeJS.ErrnoException & { errors?: Error[] }
  const words = message || (errors ?? []).map(({ message }) => message).join('; ')
  return { reason: code || [name, words].filter(Boolean).join(': ').slice(0, 200), message: words || code || name }
}

function meaningOf(error: unknown, ended: Ended): Meaning {
  const { code = '', message = '' } = Object(error) as NodeJS.ErrnoException
  const proxy = ofProxies.has(Object(error))
  const side = proxy ? 'the proxy' : 'the server'
  const neverSent = !ended.isSent
  const passing = (words: string): Meaning => ({ code: 'ERR_TRANSPORT', words, retryable: true, neverSent })
  const final = (words: string): Meaning => ({ ...passing(words), retryable: false })
  const tls = (words: string): Meaning => ({ ...final(words), code: 'ERR_TRANSPORT_TLS' })

  const alert = alertOf(message)
  if (alert !== undefined && !passingAlerts.has(alert)) {
    // Before its first word the server has taken part in nothing but the handshake, which it gives up with this.
    const isInHandshake = neverSent || silent.has(Object(error))
    const words = proxy ? "the proxy's TLS handshake failed" : alertWords(alert, ended)
    if (isInHandshake) return { ...tls(words), neverSent: true }
    return certificateAlerts.has(alert) ? tls(words) : passing('the connection broke')
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH')
    return tls(`${side}'s certificate is for another name${proxy ? '' : nameAdvice}`)
  if (code === 'CERT_HAS_EXPIRED') return tls(`${side}'s certificate has expired`)
  if (code === 'CERT_NOT_YET_VALID') return tls(`${side}'s certificate is not valid yet`)
  if (code === 'CERT_REVOKED') return tls(`${side}'s certificate was revoked`)
  if (weakCertificates.has(code)) return tls(`${side}'s certificate is too weak or cannot be used: ${message}`)
  if (untrusted.has(code)) return tls(`${side}'s certificate is not trusted${proxy ? proxyAdvice : caAdvice}`)
  if (timeouts.has(code)) return { ...passing('it was not answered in time'), code: 'ERR_TRANSPORT_TIMEOUT' }
  if (/^(EPROTO$|ERR_SSL_|ERR_TLS_)/.test(code)) {
    if (alert !== undefined || ended.isSent || passingTls.has(code)) return passing('the TLS connection broke')
    return tls(proxy ? "the proxy's TLS handshake failed" : (handshakeAdvice[code] ?? 'the TLS handshake failed'))
  }
  if (isBrokenAnswer(error)) return passing('its answer is broken')
  if (unsendable.test(code)) return final('it cannot be sent')
  if (code === 'UND_ERR_SOCKET') return passing(`no answer: ${closedWords(error as SocketError, ended)}`)
  const refusedByProxy = /^PROXY_(\d+)$/.exec(code)?.[1]
  if (refusedByProxy !== undefined) return mayPass(Number(refusedByProxy)) ? passing(noAnswer) : final(noAnswer)
  return passing(noAnswer)
}

const noAnswer = 'no answer'
const nameAdvice = ': pass the name it has as `servername`, if that is the right server'
const caAdvice = ': pass its CA as `ca`'
const proxyAdvice = ': name its CA in NODE_EXTRA_CA_CERTS'

/**
 * The number of a TLS alert that the other side sent. OpenSSL's reasons for them are 1000 and more, in its library 20;
 * Node tells the number in the message alone, and names it differently in every major version of OpenSSL.
 */
function alertOf(message: string): number | undefined {
  const [, reason] = /:error:0A([\dA-F]{6}):/.exec(message) ?? []
  const alert = reason === undefined ? -1 : Number.parseInt(reason, 16) - 1000
  return alert >= 0 && alert < 256 ? alert : undefined
}

/** Alerts about the certificate of the client (RFC 8446 §6.2): none or not this one, revoked, expired, of another CA. */
const certificateAlerts = new Set([41, 42, 43, 44, 45, 46, 48, 49, 111, 114, 116])

/** Alerts about what was damaged on its way, or about the server's own trouble: the next connection may be better. */
const passingAlerts = new Set([0, 10, 20, 21, 22, 30, 80, 90, 100])

function alertWords(alert: number, { hasCertificate }: Ended): string {
  if (certificateAlerts.has(alert))
    return hasCertificate
      ? 'the server refuses the client certificate: pass the one it knows as `certificate`'
      : 'the server wants a client certificate: pass the one it knows as `certificate`'
  // With TLS 1.2 a server says of a missing certificate no more than that (RFC 5246 §7.4.6).
  if (alert === 40 && !hasCertificate)
    return 'the TLS handshake failed: pass a client certificate as `certificate`, if the server asks for one'
  if (alert === 112) return 'the server knows no such name: pass the one it has as `servername`'
  if (alert === 70) return 'the server wants another version of TLS'
  return 'the TLS handshake failed'
}

/** What of OpenSSL's `X509_V_ERR_*` Node has names for, with their own words above or with these. */
const untrusted = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'CERT_SIGNATURE_FAILURE',
  'CRL_SIGNATURE_FAILURE',
  'CRL_NOT_YET_VALID',
  'CRL_HAS_EXPIRED',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'ERROR_IN_CRL_LAST_UPDATE_FIELD',
  'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
])

/** A CA does not help these; `UNSPECIFIED` is Node's name for every reason it has no name for, such as a key too small. */
const weakCertificates = new Set([
  'INVALID_CA',
  'PATH_LENGTH_EXCEEDED',
  'INVALID_PURPOSE',
  'UNSPECIFIED',
  'ERR_TLS_CERT_ALTNAME_FORMAT',
])

const timeouts = new Set([
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'ERR_SOCKET_CONNECTION_TIMEOUT',
  'ERR_TLS_HANDSHAKE_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'PROXY_TIMEOUT',
])

/** What of OpenSSL's own complaints comes of a connection that was cut or damaged. */
const passingTls = new Set([
  'ERR_SSL_UNEXPECTED_EOF_WHILE_READING',
  'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  'ERR_SSL_UNEXPECTED_MESSAGE',
  'ERR_SSL_BAD_RECORD_TYPE',
  'ERR_SSL_INTERNAL_ERROR',
  'ERR_SSL_MALLOC_FAILURE',
  'ERR_TLS_SESSION_ATTACK',
])

const noTls = 'the server speaks no TLS there'
const handshakeAdvice: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
  ERR_SSL_HTTP_REQUEST: noTls,
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the server speaks no version of TLS that Node takes',
  ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED:
    'the server lacks secure renegotiation (RFC 5746), which OpenSSL asks for',
  ERR_SSL_DH_KEY_TOO_SMALL: "the server's Diffie-Hellman parameters are too small",
}

/** Of undici's parser some errors have no code. */
function isBrokenAnswer(error: unknown): boolean {
  const { code = '', name } = Object(error) as NodeJS.ErrnoException
  return brokenAnswers.has(code) || code.startsWith('HPE_') || name === 'HTTPParserError'
}

const brokenAnswers = new Set([
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_HEADERS_OVERFLOW',
])

/** The program is wrong: the same request fails every time. */
const unsendable =
  /^(UND_ERR_(INVALID_ARG|INVALID_RETURN_VALUE|NOT_SUPPORTED|REQ_CONTENT_LENGTH_MISMATCH)|ERR_INVALID_|ERR_HTTP_INVALID_|ERR_UNESCAPED_CHARACTERS$|ERR_SOCKET_BAD_PORT$|ERR_OUT_OF_RANGE$)/

/** As undici makes it. */
interface SocketError extends Error {
  readonly socket?: { readonly bytesRead?: number } | null
}

/** Without an alert nobody can tell a refused certificate from a server that fell over: it counts as perhaps sent. */
function closedWords({ message, socket }: SocketError, { isSent, hasCertificate }: Ended): string {
  const mayBeRefusal = isSent && hasCertificate && socket?.bytesRead === 0
  return mayBeRefusal ? `${message}; some servers do that to a client certificate they refuse` : message
}

/** Of what a proxy refuses with, what may be otherwise in a moment. */
function mayPass(status: number): boolean {
  return status < 400 || status >= 500 || [408, 425, 429].includes(status)
}
