/** Token sources and where their tokens go: read once, looked up for every request. */
import type { TlsOptions, TokenSource } from '@grantkit/core'
import {
  checkOptions,
  checkSource,
  checkTls,
  type Origins,
  optionError,
  parseOrigins,
  refuseSource,
  systemClock,
} from '@grantkit/core/kit'
import { CertifiedAgent } from './certified-agent.js'

/** A token source, or a function that chooses one for each request. */
export type SourceOf<Request> = TokenSource | ((request: Request) => TokenSource | Promise<TokenSource>)

export interface TokenOptions {
  /**
   * Where tokens may be sent: scheme, host and port, checked on the final URL and on every redirect.
   * Default: the source's own `origins`.
   */
  readonly origins?: readonly string[] | undefined
  /**
   * What happens to requests to other origins: refused with an `OriginError` before anything is sent, or sent without
   * a token. Default `refuse`. With several sources, all of them have to let a request pass.
   */
  readonly otherOrigins?: 'refuse' | 'pass-through' | undefined
  /** Client certificate, CA and connection of the requests to these origins, on an agent of our own. */
  readonly tls?: TlsOptions | undefined
}

/** One of several sources. */
export interface TokenAttachment<Request> extends TokenOptions {
  readonly source: SourceOf<Request>
}

/** An attachment as it is used. */
export interface Attachment<Request> {
  readonly source: SourceOf<Request>
  readonly origins: Origins
  readonly otherOrigins: 'refuse' | 'pass-through'
  /** Presents the client certificate. */
  readonly agent: CertifiedAgent | undefined
}

/** The calls as they are meant, for who swaps their arguments. */
export const orders = {
  tokenInterceptor: 'tokenInterceptor(source, options)',
  withTokens: 'withTokens(dispatcher, source, options)',
  fetchWithTokens: 'fetchWithTokens(fetch, source, options)',
} as const

const tokenOptionNames = ['origins', 'otherOrigins', 'tls'] as const

/**
 * Reads one source with its options, or a list of them.
 *
 * @throws TypeError naming the option
 */
export function readAttachments<Request>(
  maker: keyof typeof orders,
  source: SourceOf<Request> | readonly TokenAttachment<Request>[],
  options: TokenOptions,
): readonly Attachment<Request>[] {
  refuseSource('options', options, orders[maker])
  if (!isList(source)) {
    checkSource(source, orders[maker])
    checkOptions(maker, options, tokenOptionNames)
    return [readAttachment(maker, { ...options, source })]
  }
  checkOptions(maker, options, tokenOptionNames)
  for (const name of tokenOptionNames)
    if (options[name] !== undefined) throw optionError(name, 'belongs to each source of the list')
  if (source.length === 0) throw optionError('source', 'must not be an empty list')
  const taken = new Set<string>()
  return source.map(one => {
    checkOptions(maker, one, ['source', ...tokenOptionNames])
    checkSource(one.source, orders[maker])
    const attachment = readAttachment(maker, one)
    for (const origin of originsOf(one)) {
      const { origin: normal } = new URL(origin)
      if (taken.has(normal)) throw optionError('origins', `${normal} has a token source already`)
      taken.add(normal)
    }
    return attachment
  })
}

function isList<Request>(
  source: SourceOf<Request> | readonly TokenAttachment<Request>[],
): source is readonly TokenAttachment<Request>[] {
  return Array.isArray(source)
}

function readAttachment<Request>(maker: string, one: TokenAttachment<Request>): Attachment<Request> {
  const { source, otherOrigins = 'refuse', tls } = one
  if (!['refuse', 'pass-through'].includes(otherOrigins))
    throw optionError('otherOrigins', 'must be refuse or pass-through')
  if (tls !== undefined) checkTls(maker, tls, ((source as TokenSource).client?.clock ?? systemClock).now())
  return { source, origins: parseOrigins(originsOf(one)), otherOrigins, agent: tls && new CertifiedAgent(tls) }
}

function originsOf({ source, origins }: TokenAttachment<never>): readonly string[] {
  const list = origins ?? (typeof source === 'function' ? undefined : source.origins)
  if (list !== undefined) return list
  throw optionError('origins', 'is needed: the source does not say where its tokens may go')
}

/** @throws OriginError when no source is attached for this URL and one of them refuses other origins */
export function findAttachment<Request>(
  all: readonly Attachment<Request>[],
  url: string,
): Attachment<Request> | undefined {
  const found = all.find(({ origins }) => origins.has(url))
  if (found !== undefined) return found
  for (const { origins, otherOrigins } of all) if (otherOrigins === 'refuse') origins.check(url)
  return undefined
}

/** The source for one request. */
export async function sourceFor<Request>({ source }: Attachment<Request>, request: Request): Promise<TokenSource> {
  const one = typeof source === 'function' ? await source(request) : source
  if (typeof one?.getTokenSet !== 'function') throw optionError('source', 'must return a token source')
  return one
}
