/** Token sources attached to an HTTP client: their options, read once, and which of them serves a request. */
import { checkTls, type TlsOptions } from './certificate.js'
import { checkOptions, optionError, parseUrl } from './options.js'
import { type Origins, originOf, parseOrigins, socketError } from './origins.js'
import { checkSource, nowOf, refuseSource, type TokenSource } from './token-source.js'

/** A token source, or a function that chooses one for each request. */
export type SourceOf<Request> = TokenSource | ((request: Request) => TokenSource | Promise<TokenSource>)

/** Where a source's tokens go, and how. */
export interface AttachmentOptions {
  /**
   * Where tokens may be sent: scheme, host and port, checked on the final URL and on every redirect.
   * Default: the source's own `origins`.
   */
  readonly origins?: readonly string[] | undefined
  /**
   * What happens to requests to other origins: refused with an `OriginError` before anything is sent, or sent without
   * a token. Default `refuse`. With several sources on one client, all of them have to let a request pass.
   */
  readonly otherOrigins?: 'refuse' | 'pass-through' | undefined
  /** Client certificate, CA and connection of the requests to these origins; replaces what the client has for them. */
  readonly tls?: TlsOptions | undefined
}

/** One of several sources, with its options. */
export interface SourceAttachment<Request> extends AttachmentOptions {
  /** Where the tokens come from; a function chooses for each request. */
  readonly source: SourceOf<Request>
}

/** The function of an integration that attaches sources. */
export interface Attaching<Agent> {
  /** Its name, for errors. */
  readonly maker: string
  /** Its call as it is meant, such as `attachTokenSource(instance, source, options)`. */
  readonly order: string
  /** Makes what presents a client certificate, of the kind the library takes. Called once for each `tls`. */
  readonly agentOf: (tls: TlsOptions) => Agent
  /** How a caller sends a request without a token: told where the function that chooses a source returns none. */
  readonly withoutToken?: string | undefined
  /** Where tokens may go when neither the options nor the source say so; throws where nobody does. */
  readonly defaultOrigins?: (() => readonly string[]) | undefined
}

/** A source as it was attached. */
export interface Attachment<Agent> {
  /** Where the tokens come from, as it was given. */
  readonly source: SourceOf<never>
  /** Where they may go. */
  readonly origins: Origins
  /** The origins as they were given. */
  readonly listed: readonly string[]
  /** What happens to requests to other origins. */
  readonly otherOrigins: 'refuse' | 'pass-through'
  /** Presents the client certificate; `undefined` without `tls`. */
  readonly agent: Agent | undefined
  /**
   * The source for one request. That is looked at where a function chooses, and not before: a library may have to make it.
   *
   * @throws TypeError when the function returns none
   */
  readonly sourceFor: (asking: Asking) => TokenSource | Promise<TokenSource>
}

/** What a function that chooses a source is asked with. */
export interface Asking {
  /** The library's own request. */
  readonly request: unknown
}

/** Where a request goes. */
export interface Target {
  /** The final one, after every join. */
  readonly url: string | URL
  /** Whether it goes to a socket of this machine, whatever its URL says: see `leadsToSocket()`. Default `false`. */
  readonly isSocket?: boolean | undefined
}

const optionNames = ['origins', 'otherOrigins', 'tls'] as const

/**
 * Reads a source with its options.
 *
 * @throws TypeError naming the option
 */
export function readAttachment<Agent>(
  attaching: Attaching<Agent>,
  source: SourceOf<never>,
  options: AttachmentOptions,
): Attachment<Agent> {
  const { maker, order } = attaching
  refuseSource('options', options, order)
  checkSource(source, order)
  checkOptions(maker, options, optionNames)
  return attachmentOf(attaching, source, options)
}

/**
 * Reads a source with its options, or a list of them, each with its own.
 *
 * @throws TypeError naming the option; when two of them list the same origin
 */
export function readAttachments<Agent>(
  attaching: Attaching<Agent>,
  source: SourceOf<never> | readonly SourceAttachment<never>[],
  options: AttachmentOptions,
): Attachments<Agent> {
  if (!Array.isArray(source)) return new Attachments([readAttachment(attaching, source as SourceOf<never>, options)])
  const { maker, order } = attaching
  refuseSource('options', options, order)
  checkOptions(maker, options, optionNames)
  for (const name of optionNames)
    if (options[name] !== undefined) throw optionError(name, 'belongs to each source of the list')
  if (source.length === 0) throw optionError('source', 'must not be an empty list')
  return new Attachments(
    (source as readonly SourceAttachment<never>[]).map(one => {
      checkOptions(maker, one, ['source', ...optionNames])
      checkSource(one.source, order)
      return attachmentOf(attaching, one.source, one)
    }),
  )
}

function attachmentOf<Agent>(
  { maker, agentOf, withoutToken, defaultOrigins = noOrigins }: Attaching<Agent>,
  source: SourceOf<never>,
  { origins, otherOrigins = 'refuse', tls }: AttachmentOptions,
): Attachment<Agent> {
  if (!['refuse', 'pass-through'].includes(otherOrigins))
    throw optionError('otherOrigins', 'must be refuse or pass-through')
  const own = typeof source === 'function' ? undefined : source
  if (tls !== undefined) checkTls(maker, tls, nowOf(own ?? {}))
  const listed = origins ?? own?.origins ?? defaultOrigins()
  return {
    source,
    origins: parseOrigins(listed),
    listed,
    otherOrigins,
    agent: tls && agentOf(tls),
    sourceFor: asking => own ?? chosen(source as Choose, asking.request, withoutToken),
  }
}

function noOrigins(): never {
  throw optionError('origins', 'is needed: the source does not say where its tokens may go')
}

type Choose = (request: never) => TokenSource | Promise<TokenSource>

async function chosen(choose: Choose, request: unknown, withoutToken: string | undefined): Promise<TokenSource> {
  const source = await choose(request as never)
  if (typeof source?.getTokenSet === 'function') return source
  throw optionError('source', `must return a token source${withoutToken === undefined ? '' : `; ${withoutToken}`}`)
}

/** What is attached to one client. */
export class Attachments<Agent> {
  #all: readonly Attachment<Agent>[] = []

  /** @throws TypeError when two of them list the same origin */
  constructor(all: Iterable<Attachment<Agent>> = []) {
    for (const one of all) this.add(one)
  }

  /** How many there are. */
  get size(): number {
    return this.#all.length
  }

  /** In the order they were attached. */
  [Symbol.iterator](): Iterator<Attachment<Agent>> {
    return this.#all.values()
  }

  /**
   * Attaches one more.
   *
   * @throws TypeError when another one lists one of its origins
   */
  add(attachment: Attachment<Agent>): void {
    const others = this.#all.filter(one => one !== attachment)
    for (const { origins } of others)
      for (const origin of attachment.listed)
        if (origins.has(origin))
          throw optionError(
            'origins',
            `${originOf(origin)} has a token source already; take that one off, or leave the origin out here`,
          )
    if (others.length === this.#all.length) this.#all = [...others, attachment]
  }

  /** Whether it was there. */
  delete(attachment: Attachment<Agent>): boolean {
    const others = this.#all.filter(one => one !== attachment)
    const wasThere = others.length < this.#all.length
    this.#all = others
    return wasThere
  }

  /**
   * The one whose tokens may go there, or `undefined` where the request passes through without one.
   *
   * @throws OriginError when there is none and one of them refuses other origins
   */
  find({ url, isSocket = false }: Target): Attachment<Agent> | undefined {
    if (!isSocket) for (const one of this.#all) if (one.origins.has(url)) return one
    for (const { origins, otherOrigins } of this.#all)
      if (otherOrigins === 'refuse') {
        if (isSocket) throw socketError()
        origins.check(url)
      }
    return undefined
  }
}

/** Whether a URL has a credential in it, which the library sends. */
export function hasUserInformation(url: string | URL): boolean {
  // most texts need no parsing to tell
  if (typeof url === 'string' && !url.includes('@')) return false
  const { username = '', password = '' } = typeof url === 'string' ? (parseUrl(url) ?? {}) : url
  return username !== '' || password !== ''
}
