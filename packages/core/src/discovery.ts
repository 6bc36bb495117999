/** Authorization server metadata, asked of the server itself (RFC 8414 §3, OpenID Connect Discovery §4). */
import { ValidationError } from './errors.js'
import { type AuthorizationServerMetadata, asDiscovered, checkDocument, checkMetadata, nameOfKind } from './metadata.js'
import { checkObject, checkOptions, checkSecureUrl, checkText, optionError, parseUrl, toBeAwaited } from './options.js'
import { checkDocumentOptions, type DocumentOptions, documentOptionNames, readPublished } from './published-document.js'
import { shownUrl } from './shown-value.js'

/** Where a server's metadata is, and what is known better. `issuer` or `discoveryUrl` is needed. */
export interface DiscoveryOptions extends DocumentOptions {
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
}

const optionNames = ['issuer', 'discoveryUrl', 'wellKnown', 'metadata', 'name', ...documentOptionNames] as const

/**
 * Reads a server's metadata. The document is fetched once by all who ask for it at the same time, and serves for
 * `maxAgeMs`, so that a program may call this at each request; a failure is told again for a second or so.
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
  checkOptions('discoverMetadata', options, optionNames)
  const place = placeOf(options)
  const { metadata: corrections = {}, name: provider = place.name } = options
  checkText('name', provider)
  checkObject('metadata', corrections)
  checkOptions('metadata', corrections, Object.keys(corrections))
  checkDocumentOptions('discoverMetadata', options)
  const { url } = place
  const request = { ...options, url, provider, what: 'a metadata document', advice: adviceFor(place) }
  return readPublished(request, document => {
    checkIssuer(document.issuer, place, provider)
    return corrected(document, corrections, provider)
  })
}

function adviceFor({ isGiven }: Place) {
  return (answer: 'redirect' | 'not_found') => {
    if (answer === 'redirect') return ': if that is right, give it as discoveryUrl'
    return isGiven ? '' : '; if it is elsewhere, give its discoveryUrl'
  }
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

function checkIssuer(issuer: unknown, { issuers }: Place, provider: string): void {
  if (typeof issuer === 'string' && issuers.includes(issuer)) return
  const quoted = (url: string) => `"${shownUrl(url, issuers)}"`
  const said = typeof issuer === 'string' ? quoted(issuer) : issuer === undefined ? 'no issuer' : nameOfKind(issuer)
  throw new ValidationError(
    'issuer',
    `the metadata document is of another issuer: it says ${said}, expected was ${quoted(issuers[0] ?? '')}`,
    { provider },
  )
}

function corrected(
  document: Record<string, unknown>,
  corrections: Partial<AuthorizationServerMetadata>,
  provider: string,
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
