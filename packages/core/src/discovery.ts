/** Authorization server metadata, asked of the server itself (RFC 8414 §3, OpenID Connect Discovery §4). */
import { json } from './answer-shape.js'
import { isObject } from './body.js'
import { checkTls, type TlsOptions } from './certificate.js'
import { explain } from './circumstances.js'
import { systemClock } from './clock.js'
import { isGrantKitError, TokenResponseError, TransportError, ValidationError } from './errors.js'
import { type AuthorizationServerMetadata, asDiscovered, checkDocument, checkMetadata, nameOfKind } from './metadata.js'
import { checkObject, checkOptions, checkSecureUrl, checkText, optionError, parseUrl, toBeAwaited } from './options.js'
import { redact } from './redaction/redact.js'
import { checkRequestHeaders, type RequestHeaders, readRequestHeaders } from './request-headers.js'
import { parseServerResponse } from './server-response.js'
import {
  createTransport,
  type Transport,
  type TransportOptions,
  type TransportResponse,
  withDeadline,
} from './transport.js'

/** Where a server's metadata is, and what is known better. `issuer` or `discoveryUrl` is needed. */
export interface DiscoveryOptions {
  /** As the server names itself, to the letter; or the URL of its document, if that has `/.well-known/` in it. */
  readonly issuer?: string | undefined
  /**
   * Where the document is, when the issuer does not tell. Without `issuer`, the one that the URL is of is expected, with
   * or without a slash at its end.
   */
  readonly discoveryUrl?: string | undefined
  /**
   * `'openid-configuration'` is appended to the issuer; `'oauth-authorization-server'` goes between its host and its
   * path. Default `'openid-configuration'`.
   */
  readonly wellKnown?: 'openid-configuration' | 'oauth-authorization-server' | undefined
  /** Members the document lacks, or has wrong; `undefined` takes one away. What is stated here is a rule, not a hint. */
  readonly metadata?: Partial<AuthorizationServerMetadata> | undefined
  /** Names the server in errors. Default: the issuer. */
  readonly name?: string | undefined
  /** Headers beside the protocol's own, such as an API key a gateway asks for. */
  readonly headers?: RequestHeaders | undefined
  /** What the connection is made with. Default: Node's own CAs, no client certificate. */
  readonly tls?: TlsOptions | undefined
  /** Limits and proxy of the built-in transport, or a transport of your own, which has 30 s. */
  readonly transport?: Transport | Omit<TransportOptions, keyof TlsOptions> | undefined
}

const discoveryOptionNames = [
  'issuer',
  'discoveryUrl',
  'wellKnown',
  'metadata',
  'name',
  'headers',
  'tls',
  'transport',
] as const

/**
 * Fetches a server's metadata once.
 *
 * @throws TypeError naming the option; ValidationError when the document is another issuer's, has a member of the wrong
 *   kind or names an endpoint a secret could not be sent to; TransportError; TokenResponseError when there is no document
 * @see RFC 8414 §3.3 for why the issuer must match
 */
export function discoverMetadata(options: DiscoveryOptions): Promise<AuthorizationServerMetadata> {
  return toBeAwaited(discover(options), 'discoverMetadata()', {
    members: ['issuer', 'token_endpoint'],
    enumerable: true,
  })
}

async function discover(options: DiscoveryOptions): Promise<AuthorizationServerMetadata> {
  checkOptions('discoverMetadata', options, discoveryOptionNames)
  const place = placeOf(options)
  const { transport, tls = {}, headers, metadata: corrections = {}, name = place.name } = options
  checkText('name', name)
  checkObject('metadata', corrections)
  checkOptions('metadata', corrections, Object.keys(corrections))
  if (headers !== undefined) checkRequestHeaders('headers', headers)
  checkTls('discoverMetadata', tls, systemClock.now())
  const question: Question = { place, corrections, provider: name, headers }
  if (typeof transport === 'function') return readMetadata(question, bounded(transport))
  const own = createTransport({ ...transport, ...tls })
  try {
    return await readMetadata(question, own)
  } finally {
    await own.close()
  }
}

/** One of the user's own may never answer. */
function bounded(transport: Transport & { readonly timeoutMs?: unknown }): Transport {
  return typeof transport.timeoutMs === 'number' ? transport : withDeadline(transport, 30_000)
}

/** Where the document is, and whose it has to be. */
interface Place {
  readonly url: string
  readonly issuers: readonly string[]
  /** Stands for the server while it has no other name. */
  readonly name: string
  /** Whether the user said where it is. */
  readonly isGiven: boolean
}

function placeOf({ issuer, discoveryUrl, wellKnown }: DiscoveryOptions): Place {
  if (issuer === undefined && discoveryUrl === undefined)
    throw optionError(
      'issuer',
      'is needed, or discoveryUrl: the one the server names itself by, or where its document is',
    )
  if (discoveryUrl === undefined && isDocument(issuer)) return placeOf({ discoveryUrl: issuer, wellKnown })
  if (discoveryUrl === undefined)
    return { url: wellKnownUrl(issuer, wellKnown), issuers: [issuer ?? ''], name: issuer ?? '', isGiven: false }
  if (wellKnown !== undefined) throw optionError('wellKnown', 'is part of the discovery URL already')
  const url = checkSecureUrl('discoveryUrl', discoveryUrl)
  if (issuer !== undefined) checkText('issuer', issuer)
  const issuers = issuer === undefined ? issuersOf(url) : [issuer]
  return { url: discoveryUrl, issuers, name: issuers[0] ?? discoveryUrl, isGiven: true }
}

function isDocument(issuer: unknown): boolean {
  return typeof issuer === 'string' && (parseUrl(issuer)?.pathname.includes('/.well-known/') ?? false)
}

function wellKnownUrl(issuer: string | undefined, wellKnown = 'openid-configuration'): string {
  const { origin, pathname } = checkSecureUrl('issuer', issuer)
  const path = pathname.replace(/\/$/, '')
  if (wellKnown === 'openid-configuration') return `${origin}${path}/.well-known/openid-configuration`
  if (wellKnown === 'oauth-authorization-server') return `${origin}/.well-known/oauth-authorization-server${path}`
  throw optionError('wellKnown', "must be 'openid-configuration' or 'oauth-authorization-server'")
}

/** Whose document is at a URL: the name stands behind the issuer, or between its host and its path (RFC 8414 §3.1, §5). */
function issuersOf({ origin, pathname }: URL): string[] {
  const [, before, after] = /^(.*)\/\.well-known\/[^/]+(.*)$/.exec(pathname.replace(/\/$/, '')) ?? []
  if (before === undefined) throw optionError('issuer', 'is needed with a discoveryUrl that has no /.well-known/ in it')
  const issuer = `${origin}${before}${after}`
  return [issuer, `${issuer}/`]
}

interface Question {
  readonly place: Place
  readonly corrections: Partial<AuthorizationServerMetadata>
  readonly provider: string
  readonly headers: RequestHeaders | undefined
}

async function readMetadata(question: Question, transport: Transport): Promise<AuthorizationServerMetadata> {
  const { place, provider } = question
  const requestedAt = systemClock.now()
  let response: TransportResponse | undefined
  try {
    response = await ask(question, transport)
    const document = readDocument(response, question)
    checkIssuer(document.issuer, place, provider)
    return corrected(document, question)
  } catch (error) {
    if (isGrantKitError(error)) Object.assign(error, { provider })
    throw explain(error, { method: 'GET', url: place.url, requestedAt, now: systemClock.now(), response })
  }
}

async function ask({ place, provider, headers }: Question, transport: Transport): Promise<TransportResponse> {
  const read = await readRequestHeaders(headers)
  try {
    return await transport({ method: 'GET', url: place.url, headers: { accept: 'application/json', ...read.headers } })
  } catch (error) {
    if (isGrantKitError(error)) throw error
    const message = redact(String(Object(error).message ?? error), 300, read)
    throw new TransportError('ERR_TRANSPORT', `The transport failed: ${message}`, { provider, neverSent: false })
  }
}

function readDocument(response: TransportResponse, { place, provider }: Question): Record<string, unknown> {
  const { status, headers } = response
  const fail = (message: string) => new TokenResponseError(message, { provider, serverStatus: status })
  const location = parseUrl(headers.get('location') ?? '')
  if (status >= 300 && status < 400 && location !== undefined)
    throw fail(
      `expected a metadata document, got a redirect to ${location.origin}${location.pathname}; it is not followed: if that is right, give it as discoveryUrl`,
    )
  const answer = parseServerResponse(response, { provider, accepts: [json(async () => {})] })
  if ('content' in answer && isObject(answer.content.body)) return answer.content.body
  if ('content' in answer) throw fail('expected a metadata document, got JSON that is no object')
  const advice = status === 404 && !place.isGiven ? '; if it is elsewhere, give its discoveryUrl' : ''
  throw fail(`expected a metadata document, got status ${status}${advice}`)
}

function checkIssuer(issuer: unknown, { issuers }: Place, provider: string): void {
  if (typeof issuer === 'string' && issuers.includes(issuer)) return
  const said = typeof issuer === 'string' ? quoted(issuer) : issuer === undefined ? 'no issuer' : nameOfKind(issuer)
  throw new ValidationError(
    'issuer',
    `the metadata document is of another issuer: it says ${said}, expected was ${quoted(issuers[0] ?? '')}`,
    { provider },
  )
}

function quoted(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]+/g, ' ').replace(/\?.*/, '')
  return `"${printable.length > 200 ? `${printable.slice(0, 197)}...` : printable}"`
}

function corrected(
  document: Record<string, unknown>,
  { corrections, provider }: Question,
): AuthorizationServerMetadata {
  const metadata = document as unknown as AuthorizationServerMetadata
  try {
    const whole = asDiscovered(metadata, corrections)
    checkDocument(whole)
    return checkMetadata(whole)
  } catch (error) {
    const { message, option } = error as Error & { option: string }
    const [member] = option.split('.')
    if (member !== undefined && member in corrections) throw error
    throw new ValidationError(
      'metadata',
      `the metadata document of ${metadata.issuer} cannot be used: ${message}; correct it with the option metadata`,
      { provider },
    )
  }
}
