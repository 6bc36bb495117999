/**
 * Protected resource metadata (RFC 9728): what an API says of itself, and which authorization servers its tokens come from.
 * Its 401 says where that is, or it is at its well-known place.
 */
import { kindOf } from './body.js'
import { resourceMetadataIn } from './challenge.js'
import { ValidationError } from './errors.js'
import { checkOptions, checkSecureUrl, checkText, optionError, parseUrl, toBeAwaited } from './options.js'
import { parseOrigins } from './origins.js'
import { checkDocumentOptions, type DocumentOptions, documentOptionNames, readPublished } from './published-document.js'
import { shownUrl } from './shown-value.js'

/** What an API says of itself. @see RFC 9728 §2 */
export interface ProtectedResourceMetadata {
  /** Its name, as tokens for it are asked for: the `resource` of authorization, token and refresh requests (RFC 8707). */
  readonly resource: string
  /** The issuers whose tokens it takes; at least one. Whether you trust them is yours to decide: {@link ProtectedResourceOptions.issuers}. */
  readonly authorization_servers: readonly string[]
  /** Scopes that requests to it need. */
  readonly scopes_supported?: readonly string[] | undefined
  /** Where it takes tokens: `header`, `body`, `query`. */
  readonly bearer_methods_supported?: readonly string[] | undefined
  /** Whether it takes DPoP tokens alone. */
  readonly dpop_bound_access_tokens_required?: boolean | undefined
  /** The algorithms it takes of DPoP proofs. */
  readonly dpop_signing_alg_values_supported?: readonly string[] | undefined
  /** Whether it takes tokens bound to a certificate alone. */
  readonly tls_client_certificate_bound_access_tokens?: boolean | undefined
  /** The types of `authorization_details` it knows. */
  readonly authorization_details_types_supported?: readonly string[] | undefined
  /** For people to read. */
  readonly resource_name?: string | undefined
}

/** Which API is meant, and who may be asked about it. `url` or `resource` is needed. */
export interface ProtectedResourceOptions extends DocumentOptions {
  /** The name of the API, to the letter. Default: `url`, to the letter, as the RFC wants it of an answer's challenge. */
  readonly resource?: string | undefined
  /** The URL of the request that the API has refused. With `resource` too it has to be at or below that. */
  readonly url?: string | undefined
  /** `WWW-Authenticate` of the refusal. Default, and where it says nothing of it: the document is at its well-known place. */
  readonly wwwAuthenticate?: string | null | undefined
  /** Where a challenge may send the request for the document, beside the origin of the API. Default: nowhere else. */
  readonly origins?: readonly string[] | undefined
  /**
   * The issuers you are registered at: the document has to name one of them, and no other is returned. Default: any; then
   * send no credential to one that you do not know.
   */
  readonly issuers?: readonly string[] | undefined
}

const optionNames = ['resource', 'url', 'wwwAuthenticate', 'origins', 'issuers', ...documentOptionNames] as const

/**
 * Reads what an API says of itself: from the place that its 401 names, or else its well-known one. Fetched once by all who
 * ask at the same time, and kept for `maxAgeMs`; redirects are not followed. `signed_metadata` is not read.
 *
 * @throws TypeError naming the option; OriginError where a challenge leads elsewhere; ValidationError whose `check` is
 *   `resource` when the document is of another API, or the member that does not hold; TransportError; TokenResponseError when
 *   there is no document
 * @see RFC 9728 §3.1 for the place, §3.3 for what is checked, §5.1 for the challenge, §7.7 for where may be asked
 */
export function discoverProtectedResource(options: ProtectedResourceOptions): Promise<ProtectedResourceMetadata> {
  return toBeAwaited(discover(options), 'discoverProtectedResource()', {
    members: ['resource', 'authorization_servers'],
    enumerable: true,
  })
}

async function discover(options: ProtectedResourceOptions): Promise<ProtectedResourceMetadata> {
  const { resource, place } = checked(options)
  const request = { ...options, url: place, provider: resource, what: 'protected resource metadata', advice: () => '' }
  return readPublished(request, document => {
    checkResource(document.resource, resource)
    return readMembers(document, resource, options.issuers)
  })
}

function checked(options: ProtectedResourceOptions): { readonly resource: string; readonly place: string } {
  checkOptions('discoverProtectedResource', options, optionNames)
  checkDocumentOptions('discoverProtectedResource', options)
  const { url, resource = url, wwwAuthenticate, issuers = [], origins = [] } = options
  if (resource === undefined) throw optionError('resource', 'is needed, or url: the API, or the request it has refused')
  const api = checkSecureUrl(options.resource === undefined ? 'url' : 'resource', resource)
  if (url !== undefined) checkBelow(checkSecureUrl('url', url), api)
  for (const issuer of issuers) checkText('issuers', issuer)
  const named = resourceMetadataIn(wwwAuthenticate ?? '')
  const allowed = parseOrigins([api.origin, ...origins])
  if (named === undefined) return { resource, place: wellKnownUrl(api) }
  allowed.check(named)
  if (!isSecure(named))
    throw new ValidationError('resource_metadata', 'of the challenge holds user information or a fragment')
  return { resource, place: named }
}

/** A request to one API says nothing of another. */
function checkBelow(url: URL, api: URL): void {
  const folder = api.pathname.endsWith('/') ? api.pathname : `${api.pathname}/`
  const isBelow = url.pathname === api.pathname || url.pathname.startsWith(folder)
  if (url.origin !== api.origin || !isBelow) throw optionError('url', 'is not at or below the resource')
}

/** The name of the document goes between host and path; a slash that is the whole path is left out (RFC 9728 §3.1). */
function wellKnownUrl({ origin, pathname, search }: URL): string {
  return `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}${search}`
}

/** To the letter; a path of `/` is no path, since a URL that was asked for always has one. */
function checkResource(came: unknown, wanted: string): void {
  if (typeof came === 'string' && isSame(came, wanted)) return
  const said = typeof came === 'string' ? `"${shownUrl(came)}"` : kindOf(came)
  const advice = 'if that is the API you mean, name it with the option resource'
  throw new ValidationError('resource', `is ${said}; expected "${shownUrl(wanted)}": ${advice}`)
}

function isSame(one: string, other: string): boolean {
  const [bare, otherBare] = [one, other].map(text => (/^https?:\/\/[^/?#]+\/$/.test(text) ? text.slice(0, -1) : text))
  return bare === otherBare
}

type Document = Readonly<Record<string, unknown>>

function readMembers(
  document: Document,
  resource: string,
  issuers: readonly string[] | undefined,
): ProtectedResourceMetadata {
  for (const name of lists) checkMember(document, name, 'a list of texts', isTexts)
  for (const name of flags) checkMember(document, name, 'true or false', value => typeof value === 'boolean')
  const { signed_metadata, ...members } = document
  const named = serversIn(document)
  const known = issuers === undefined ? named : named.filter(issuer => issuers.includes(issuer))
  if (known.length === 0)
    throw new ValidationError(
      'authorization_servers',
      `names none of yours: it says ${named
        .slice(0, 5)
        .map(one => shownUrl(one))
        .join(', ')}`,
    )
  return { ...members, resource, authorization_servers: known } as ProtectedResourceMetadata
}

const lists = [
  'authorization_servers',
  'scopes_supported',
  'bearer_methods_supported',
  'dpop_signing_alg_values_supported',
  'authorization_details_types_supported',
]
const flags = ['dpop_bound_access_tokens_required', 'tls_client_certificate_bound_access_tokens']

function checkMember(document: Document, name: string, wanted: string, fits: (value: unknown) => boolean): void {
  const value = document[name]
  if (value !== undefined && !fits(value)) throw new ValidationError(name, `expected ${wanted}, got ${kindOf(value)}`)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(one => typeof one === 'string')
}

/** Issuers, as RFC 8414 §2 has them: https, without query and fragment. */
function serversIn({ authorization_servers: servers }: Document): readonly string[] {
  if (!isTexts(servers) || servers.length === 0)
    throw new ValidationError('authorization_servers', 'expected a list of issuers, got none')
  for (const issuer of servers) {
    const url = parseUrl(issuer)
    if (url === undefined || url.search !== '' || !isSecure(issuer))
      throw new ValidationError('authorization_servers', `names what is no issuer: "${shownUrl(issuer)}"`)
  }
  return servers
}

function isSecure(url: string): boolean {
  try {
    return checkSecureUrl('url', url) !== undefined
  } catch {
    return false
  }
}
