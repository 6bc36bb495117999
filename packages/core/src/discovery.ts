/** Authorization server metadata, asked of the server itself (RFC 8414 §3, OpenID Connect Discovery §4). */
import { isObject } from './body.js'
import type { TlsOptions } from './certificate.js'
import { TokenResponseError, ValidationError } from './errors.js'
import { type AuthorizationServerMetadata, checkMetadata } from './metadata.js'
import { checkOptions, checkSecureUrl, optionError } from './options.js'
import { parseServerResponse } from './server-response.js'
import { createTransport, type Transport, type TransportOptions } from './transport.js'

export interface DiscoveryOptions {
  /** As the server names itself, to the letter. */
  readonly issuer: string
  /**
   * `'openid-configuration'` is appended to the issuer; `'oauth-authorization-server'` goes between its host and its
   * path. Default `'openid-configuration'`.
   */
  readonly wellKnown?: 'openid-configuration' | 'oauth-authorization-server' | undefined
  readonly tls?: TlsOptions | undefined
  readonly transport?: Transport | Omit<TransportOptions, keyof TlsOptions> | undefined
}

/**
 * Fetches a server's metadata once.
 *
 * @throws TypeError naming the option; ValidationError when the document is another issuer's or names an endpoint a
 *   secret could not be sent to; TransportError; TokenResponseError when there is no document
 * @see RFC 8414 §3.3 for why the issuer must match
 */
export async function discoverMetadata(options: DiscoveryOptions): Promise<AuthorizationServerMetadata> {
  checkOptions('discoverMetadata', options, ['issuer', 'wellKnown', 'tls', 'transport'])
  const url = wellKnownUrl(options)
  const { transport, tls } = options
  if (typeof transport === 'function') return readMetadata(options.issuer, url, transport)
  const own = createTransport({ ...transport, ...tls })
  try {
    return await readMetadata(options.issuer, url, own)
  } finally {
    await own.close()
  }
}

function wellKnownUrl({ issuer, wellKnown = 'openid-configuration' }: DiscoveryOptions): string {
  const { origin, pathname } = checkSecureUrl('issuer', issuer)
  const path = pathname.replace(/\/$/, '')
  if (wellKnown === 'openid-configuration') return `${origin}${path}/.well-known/openid-configuration`
  if (wellKnown === 'oauth-authorization-server') return `${origin}/.well-known/oauth-authorization-server${path}`
  throw optionError('wellKnown', "must be 'openid-configuration' or 'oauth-authorization-server'")
}

async function readMetadata(issuer: string, url: string, transport: Transport): Promise<AuthorizationServerMetadata> {
  const response = await transport({ method: 'GET', url, headers: { accept: 'application/json' } })
  const answer = parseServerResponse(response, issuer)
  if (!('body' in answer) || !isObject(answer.body))
    throw new TokenResponseError(`expected a metadata document, got status ${response.status}`, {
      serverStatus: response.status,
    })
  const metadata = answer.body as unknown as AuthorizationServerMetadata
  if (metadata.issuer !== issuer) throw new ValidationError('issuer', 'the metadata document is of another issuer')
  try {
    return checkMetadata(metadata)
  } catch (error) {
    throw new ValidationError('metadata', `the metadata document cannot be used: ${(error as Error).message}`)
  }
}
