import net, { type Socket } from 'node:net'
import { errors as undiciErrors } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TransportError } from '../src/errors.js'
import { createTransport, type TransportOptions } from '../src/transport.js'
import { transportError } from '../src/transport-error.js'
import { issue } from './fixtures/certificates.js'
import { ca, httpsServer, listen, tellWhatWasSeen } from './fixtures/servers.js'

/** What becomes of a code, before anything was sent and after. */
interface Row {
  readonly code: 'ERR_TRANSPORT' | 'ERR_TRANSPORT_TLS' | 'ERR_TRANSPORT_TIMEOUT'
  readonly retryable: boolean
}

const passing: Row = { code: 'ERR_TRANSPORT', retryable: true }
const final: Row = { code: 'ERR_TRANSPORT', retryable: false }
const late: Row = { code: 'ERR_TRANSPORT_TIMEOUT', retryable: true }
const tls: Row = { code: 'ERR_TRANSPORT_TLS', retryable: false }

const ended = (isSent: boolean) => ({ request: 'POST https://a.example/token', isSent, hasCertificate: false })

function meaning(error: object, isSent: boolean): TransportError {
  return transportError(error, ended(isSent))
}

const coded = (code: string) => Object.assign(new Error('no words'), { code })

/** Codes of the system and its resolver, as `node:net` and `node:dns` report them. */
const ofTheSystem = `EACCES EADDRINUSE EADDRNOTAVAIL EAI_AGAIN EAI_FAIL EAI_FAMILY EAI_MEMORY EAI_NODATA EAI_NONAME
  EAI_SERVICE EAI_SYSTEM ECANCELED ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EIO EMFILE ENETDOWN
  ENETRESET ENETUNREACH ENFILE ENOBUFS ENODATA ENOENT ENOMEM ENOTCONN ENOTFOUND EPERM EPIPE ESERVFAIL ESHUTDOWN`

/** Every name that Node has for a reason of OpenSSL's verification (node_crypto's X509_V_ERR_*), and its own. */
const ofVerification = `CERT_CHAIN_TOO_LONG CERT_HAS_EXPIRED CERT_NOT_YET_VALID CERT_REJECTED CERT_REVOKED
  CERT_SIGNATURE_FAILURE CERT_UNTRUSTED CRL_HAS_EXPIRED CRL_NOT_YET_VALID CRL_SIGNATURE_FAILURE
  DEPTH_ZERO_SELF_SIGNED_CERT ERROR_IN_CERT_NOT_AFTER_FIELD ERROR_IN_CERT_NOT_BEFORE_FIELD
  ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD HOSTNAME_MISMATCH INVALID_CA INVALID_PURPOSE
  PATH_LENGTH_EXCEEDED SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY UNABLE_TO_DECRYPT_CERT_SIGNATURE
  UNABLE_TO_DECRYPT_CRL_SIGNATURE UNABLE_TO_GET_CRL UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY
  UNABLE_TO_VERIFY_LEAF_SIGNATURE UNSPECIFIED ERR_TLS_CERT_ALTNAME_INVALID ERR_TLS_CERT_ALTNAME_FORMAT`

/** Of Node's own and OpenSSL's, what a handshake fails with for good: before anything was sent. */
const ofTheHandshake = `EPROTO ERR_TLS_DH_PARAM_SIZE ERR_TLS_INVALID_CONTEXT ERR_TLS_INVALID_PROTOCOL_VERSION
  ERR_TLS_PROTOCOL_VERSION_CONFLICT ERR_TLS_REQUIRED_SERVER_NAME ERR_TLS_RENEGOTIATION_DISABLED ERR_TLS_INVALID_STATE
  ERR_SSL_WRONG_VERSION_NUMBER ERR_SSL_PACKET_LENGTH_TOO_LONG ERR_SSL_HTTP_REQUEST ERR_SSL_UNSUPPORTED_PROTOCOL
  ERR_SSL_NO_PROTOCOLS_AVAILABLE ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED ERR_SSL_DH_KEY_TOO_SMALL
  ERR_SSL_EE_KEY_TOO_SMALL ERR_SSL_CA_MD_TOO_WEAK ERR_SSL_NO_CIPHER_MATCH ERR_SSL_NO_SHARED_CIPHER
  ERR_SSL_BAD_ECPOINT ERR_SSL_BAD_SIGNATURE ERR_SSL_WRONG_SIGNATURE_TYPE ERR_SSL_UNSOLICITED_EXTENSION
  ERR_SSL_CERTIFICATE_VERIFY_FAILED ERR_SSL_UNKNOWN_PROTOCOL ERR_SSL_BAD_EXTENSION ERR_SSL_WRONG_CIPHER_RETURNED`

const ofABrokenTlsConnection = `ERR_SSL_UNEXPECTED_EOF_WHILE_READING ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC
  ERR_SSL_UNEXPECTED_MESSAGE ERR_SSL_BAD_RECORD_TYPE ERR_SSL_INTERNAL_ERROR ERR_SSL_MALLOC_FAILURE
  ERR_TLS_SESSION_ATTACK`

const ofDeadlines = `ETIMEDOUT ESOCKETTIMEDOUT ERR_SOCKET_CONNECTION_TIMEOUT ERR_TLS_HANDSHAKE_TIMEOUT PROXY_TIMEOUT`

const ofTheProgram = `ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE ERR_INVALID_CHAR ERR_INVALID_URL ERR_INVALID_HTTP_TOKEN
  ERR_HTTP_INVALID_HEADER_VALUE ERR_UNESCAPED_CHARACTERS ERR_SOCKET_BAD_PORT ERR_OUT_OF_RANGE`

/** llhttp's, of which undici may name some, and some not. */
const ofTheParser = `HPE_INTERNAL HPE_STRICT HPE_CR_EXPECTED HPE_LF_EXPECTED HPE_UNEXPECTED_CONTENT_LENGTH
  HPE_UNEXPECTED_SPACE HPE_CLOSED_CONNECTION HPE_INVALID_METHOD HPE_INVALID_URL HPE_INVALID_CONSTANT
  HPE_INVALID_VERSION HPE_INVALID_HEADER_TOKEN HPE_INVALID_CONTENT_LENGTH HPE_INVALID_CHUNK_SIZE HPE_INVALID_STATUS
  HPE_INVALID_EOF_STATE HPE_INVALID_TRANSFER_ENCODING HPE_CB_MESSAGE_BEGIN HPE_CB_HEADERS_COMPLETE
  HPE_CB_MESSAGE_COMPLETE HPE_PAUSED HPE_PAUSED_UPGRADE HPE_USER HPE_HEADER_OVERFLOW HPE_CHUNK_EXTENSIONS_OVERFLOW`

const ofTheProxy: Readonly<Record<string, Row>> = {
  PROXY_400: final,
  PROXY_403: final,
  PROXY_404: final,
  PROXY_407: final,
  PROXY_408: passing,
  PROXY_425: passing,
  PROXY_429: passing,
  PROXY_500: passing,
  PROXY_502: passing,
  PROXY_503: passing,
  PROXY_504: passing,
  PROXY_302: passing,
}

/** Every error of undici: one that a newer release brings is missing here, and the test says so. */
const ofUndici: Readonly<Record<string, Row>> = {
  UND_ERR: passing,
  UND_ERR_ABORT: passing,
  UND_ERR_ABORTED: passing,
  UND_ERR_BODY_TIMEOUT: late,
  UND_ERR_BPL_MISSING_UPSTREAM: passing,
  UND_ERR_CLOSED: passing,
  UND_ERR_CONNECT_TIMEOUT: late,
  UND_ERR_DESTROYED: passing,
  UND_ERR_HEADERS_OVERFLOW: passing,
  UND_ERR_HEADERS_TIMEOUT: late,
  UND_ERR_INFO: passing,
  UND_ERR_INVALID_ARG: final,
  UND_ERR_INVALID_RETURN_VALUE: final,
  UND_ERR_MAX_ORIGINS_REACHED: passing,
  UND_ERR_NOT_SUPPORTED: final,
  UND_ERR_PRX_TLS: passing,
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: final,
  UND_ERR_REQ_RETRY: passing,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: passing,
  UND_ERR_RES_EXCEEDED_MAX_SIZE: passing,
  UND_ERR_RESPONSE: passing,
  UND_ERR_SOCKET: passing,
  UND_ERR_SOCKS5: passing,
  UND_ERR_WS_MESSAGE_SIZE_EXCEEDED: passing,
}

const rows = (codes: string, row: Row) => codes.split(/\s+/).map(code => [code, row] as const)

const table: readonly (readonly [string, Row])[] = [
  ...rows(ofTheSystem, passing),
  ...rows(ofVerification, tls),
  ...rows(ofTheHandshake, tls),
  ...rows(ofABrokenTlsConnection, passing),
  ...rows(ofDeadlines, late),
  ...rows(ofTheProgram, final),
  ...rows(ofTheParser, passing),
  ...Object.entries(ofTheProxy),
  ...Object.entries(ofUndici),
  ['A_CODE_NOBODY_KNOWS', passing],
]

describe('what a code means', () => {
  test.each(table)('%s: %o', (code, row) => {
    const before = meaning(coded(code), false)
    expect(before).toMatchObject({ ...row, neverSent: true })
    expect(before.message).toMatch(/^POST https:\/\/a\.example\/token: \S.* \([A-Z\d_]+\)$/)
    expect(meaning(coded(code), true)).toMatchObject({ neverSent: false })
  })

  test.each(rows(ofTheHandshake, passing))('%s, once the request has left, is a connection that broke', code => {
    expect(meaning(coded(code), true)).toMatchObject({ ...passing, neverSent: false })
  })

  test.each(
    Object.entries(undiciErrors).flatMap(([name, Made]) => {
      try {
        return [[name, new (Made as unknown as new (text?: string) => Error)('no words')] as const]
      } catch {
        return []
      }
    }),
  )('is known of each error of undici: %s', (_, error) => {
    const { code = '', name } = error as NodeJS.ErrnoException
    if (name !== 'HTTPParserError') expect(Object.keys(ofUndici)).toContain(code)
    else expect(meaning(error, true)).toMatchObject(passing)
  })

  test('is said also of an error that has neither code nor words', () => {
    expect(meaning(new Error(''), true).message).toBe('POST https://a.example/token: no answer (Error)')
    expect(meaning(new RangeError('too far'), true).message).toMatch(/no answer \(RangeError: too far\)$/)
    const several = new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')])
    expect(meaning(several, false).message).toMatch(/no answer \(AggregateError: no words; no words\)$/)
    expect(meaning(Object.assign(several, { code: 'ECONNREFUSED' }), false).message).toMatch(/\(ECONNREFUSED\)$/)
    expect(meaning(Object.assign(new Error(''), { code: 'EPIPE' }), true).cause).toMatchObject({ message: 'EPIPE' })
  })
})

/** TLS alerts by their number, since Node's names for them change with OpenSSL (RFC 8446 §6.2, RFC 5246 §7.2). */
const alerts: Readonly<Record<number, readonly [name: string, row: Row, words?: RegExp]>> = {
  10: ['unexpected_message', passing],
  20: ['bad_record_mac', passing],
  21: ['decryption_failed', passing],
  22: ['record_overflow', passing],
  30: ['decompression_failure', passing],
  40: ['handshake_failure', tls, /handshake failed: pass a client certificate/],
  41: ['no_certificate', tls, /wants a client certificate/],
  42: ['bad_certificate', tls, /wants a client certificate/],
  43: ['unsupported_certificate', tls, /wants a client certificate/],
  44: ['certificate_revoked', tls, /wants a client certificate/],
  45: ['certificate_expired', tls, /wants a client certificate/],
  46: ['certificate_unknown', tls, /wants a client certificate/],
  47: ['illegal_parameter', tls],
  48: ['unknown_ca', tls, /wants a client certificate/],
  49: ['access_denied', tls, /wants a client certificate/],
  50: ['decode_error', tls],
  51: ['decrypt_error', tls],
  60: ['export_restriction', tls],
  70: ['protocol_version', tls, /another version of TLS/],
  71: ['insufficient_security', tls],
  80: ['internal_error', passing],
  86: ['inappropriate_fallback', tls],
  90: ['user_canceled', passing],
  100: ['no_renegotiation', passing],
  109: ['missing_extension', tls],
  110: ['unsupported_extension', tls],
  111: ['certificate_unobtainable', tls],
  112: ['unrecognized_name', tls, /`servername`/],
  113: ['bad_certificate_status_response', tls],
  114: ['bad_certificate_hash_value', tls],
  115: ['unknown_psk_identity', tls],
  116: ['certificate_required', tls, /wants a client certificate/],
  120: ['no_application_protocol', tls],
}

describe('a TLS alert of the server', () => {
  test.each(Object.entries(alerts).map(([number, [name, row, words]]) => [name, Number(number), row, words] as const))(
    '%s (%i) in the handshake: %o',
    async (_, number, row, words = /./) => {
      const hello = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, number])
      const { port } = await listen(net.createServer(socket => socket.once('data', () => socket.end(hello))))
      const error = await failure(`https://localhost:${port}/`)
      expect(error).toMatchObject({ ...row, neverSent: true })
      expect(error.message).toMatch(words)
    },
  )

  const said = (alert: number) =>
    new Error(`80AC:error:0A${(1000 + alert).toString(16).toUpperCase().padStart(6, '0')}:SSL routines::any words`)

  test.each([40, 50, 51, 109])('%i, long after the handshake, is a connection that broke', number => {
    expect(meaning(Object.assign(said(number), { code: 'ERR_SSL_ANY' }), true)).toMatchObject({
      ...passing,
      neverSent: false,
    })
  })

  test('about the certificate, long after the handshake, leaves unknown what became of the request', () => {
    expect(meaning(Object.assign(said(44), { code: 'ERR_SSL_ANY' }), true)).toMatchObject({ ...tls, neverSent: false })
  })

  test('in an error that has no name for it is told by its number', () => {
    expect(meaning(Object.assign(said(116), { code: 'EPROTO' }), false)).toMatchObject({ ...tls, neverSent: true })
  })
})

describe('an answer that is broken may be asked for again, and its request has been sent', () => {
  const body = '{"access_token":"s3cret"}'
  test.each([
    ['a body shorter than its Content-Length', `HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n${body}`],
    ['a body shorter than its Content-Length, to the end', `HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n${body}`],
    ['two lengths', `HTTP/1.1 200 OK\r\nContent-Length: 25\r\nContent-Length: 24\r\n\r\n${body}`],
    ['twice the same length', `HTTP/1.1 200 OK\r\nContent-Length: 25\r\nContent-Length: 25\r\n\r\n${body}`],
    ['a length that is none', `HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n${body}`],
    [
      'a length beside chunked',
      `HTTP/1.1 200 OK\r\nContent-Length: 25\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n${body}\r\n0\r\n\r\n`,
    ],
    ['a chunk size that is none', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n${body}\r\n0\r\n\r\n`],
    ['chunks without an end', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n${body}\r\n`],
    ['no head', body],
    ['a head without an end', 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n'],
    ['a status that is none', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`],
    ['a header that is none', 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n'],
    ['a protocol switch that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
    ['nothing', ''],
  ])('%s', async (_, answer) => {
    const { port } = await listen(net.createServer(socket => socket.once('data', () => socket.end(answer))))
    const error = await failure(`http://127.0.0.1:${port}/token`)
    expect(error).toMatchObject({ ...passing, neverSent: false })
    expect(error.message).not.toMatch(/certificate|no code|s3cret/)
  })
})

describe('what is damaged on its way', () => {
  const overRelay = async (change: 'answer' | 'request') => {
    const server = await httpsServer(tellWhatWasSeen)
    const { port } = await damagingRelay(server.port, change)
    return `https://localhost:${port}/`
  }

  test.each(['answer', 'request'] as const)('in the %s, is a connection that broke', async damaged => {
    const error = await failure(await overRelay(damaged), { ca: ca.cert, caMode: 'replace' })
    expect(error).toMatchObject({ ...passing, neverSent: false })
  })
})

test('a certificate of the server that OpenSSL has no name for is told in its words', async () => {
  const error = meaning(Object.assign(new Error('EE certificate key too weak'), { code: 'UNSPECIFIED' }), false)
  expect(error.message).toMatch(/too weak or cannot be used: EE certificate key too weak \(UNSPECIFIED\)$/)
})

test('a certificate of the proxy is told as the proxy’s', async () => {
  const issued = issue({ name: 'proxy', altNames: ['localhost'], issuer: ca })
  const { port } = await httpsServer(tellWhatWasSeen, { issued })
  const error = await failure('https://api.example/', { proxy: `https://localhost:${port}` })
  expect(error).toMatchObject({ ...tls, neverSent: true })
  expect(error.message).toMatch(/the proxy's certificate is not trusted: name its CA in NODE_EXTRA_CA_CERTS/)
})

async function failure(url: string, options: TransportOptions = {}): Promise<TransportError> {
  const transport = createTransport({ proxy: false, timeoutMs: 5_000, ...options })
  onTestFinished(() => transport.close())
  return transport({ method: 'POST', url, headers: {}, body: 'a=b' }).then(
    ({ status }) => Promise.reject(new Error(`It was answered with ${status}`)),
    error => error,
  )
}

/** Changes a bit of whatever one side says once its first handshake record (type 22) is through. */
function damagingRelay(to: number, which: 'answer' | 'request') {
  return listen(
    net.createServer(near => {
      const far = net.connect(to, '127.0.0.1')
      for (const socket of [near, far]) socket.on('error', () => {})
      const pass = (from: Socket, into: Socket, damages: boolean) => {
        from.on('data', chunk => into.write(damages && chunk[0] !== 22 ? damaged(chunk) : chunk))
        from.on('end', () => into.end())
      }
      pass(near, far, which === 'request')
      pass(far, near, which === 'answer')
    }),
  )
}

function damaged(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk)
  const last = copy.length - 1
  copy[last] = (copy[last] ?? 0) ^ 1
  return copy
}
