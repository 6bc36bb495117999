/** Attaches a token source to an axios instance: axios's hooks translated to core's `attach()`. */
import type { TlsOptions, TokenSource } from '@grantkit/core'
import {
  checkOptions,
  checkSource,
  checkTls,
  httpsAgent,
  optionError,
  originOf,
  parseOrigins,
  refuseSource,
  systemClock,
} from '@grantkit/core/kit'
import { type Adapter, type AxiosLike, type Config, workingsOf } from './axios-like.js'
import { nameToken, separateKeys } from './caching.js'
import { type Attachment, type Attachments, send, sourceOf } from './send.js'

export type { AxiosLike }

/** Where the tokens go, and how. */
export interface AttachTokenSourceOptions {
  /**
   * Where tokens may be sent: scheme, host and port, checked on the final URL and on every redirect.
   * Default: the source's own `origins`, else the origin of the instance's `baseURL`.
   */
  readonly origins?: readonly string[] | undefined
  /**
   * What happens to requests to other origins: refused with an `OriginError` before anything is sent, or sent without
   * a token. Default `refuse`. With several sources on one instance, all of them have to let a request pass.
   */
  readonly otherOrigins?: 'refuse' | 'pass-through' | undefined
  /** Client certificate, CA and connection of the requests to these origins; replaces `httpsAgent` there. */
  readonly tls?: TlsOptions | undefined
}

/**
 * Attaches a token source to an axios instance: from now on its requests carry a token, and one that a server rejects
 * is replaced and the request sent once more. What the source throws fails the request.
 *
 * @param instance from `axios.create()`, or axios itself
 * @param source where tokens come from; a function chooses one for each request, by its config
 * @returns how to detach it; requests under way are not affected
 * @throws TypeError naming the option
 * @see RFC 6750 §2.1, §3.1
 */
export function attachTokenSource<RequestConfig>(
  instance: AxiosLike<RequestConfig>,
  source: TokenSource | ((config: RequestConfig) => TokenSource | Promise<TokenSource>),
  options: AttachTokenSourceOptions = {},
): () => void {
  const order = 'attachTokenSource(instance, source, options)'
  refuseSource('instance', instance, order)
  checkSource(source, order)
  checkOptions('attachTokenSource', options, ['origins', 'otherOrigins', 'tls'])
  const { otherOrigins = 'refuse', tls } = options
  if (!['refuse', 'pass-through'].includes(otherOrigins))
    throw optionError('otherOrigins', 'must be refuse or pass-through')
  if (tls !== undefined)
    checkTls('attachTokenSource', tls, ((source as TokenSource).client?.clock ?? systemClock).now())
  const registration = registrationOf(instance as unknown as AxiosLike<Config>)
  const list = options.origins ?? (source as TokenSource).origins ?? originOfBase(instance?.defaults?.baseURL)
  const attachment = { source, origins: parseOrigins(list), otherOrigins, agent: tls && httpsAgent(tls) }
  for (const { origins } of registration.all)
    for (const origin of list)
      if (origins.has(origin)) throw optionError('origins', `${origin} has a token source already; detach that first`)
  registration.add(attachment)
  return () => registration.delete(attachment)
}

function originOfBase(baseURL: string | undefined): string[] {
  const origin = originOf(baseURL ?? '')
  if (origin !== undefined) return [origin]
  throw optionError('origins', 'is needed: neither the source nor the baseURL of the instance says where tokens may go')
}

/** An instance's sources. One interceptor serves them all, and none stays when the last is detached. */
interface Registration extends Attachments {
  add(attachment: Attachment): void
  delete(attachment: Attachment): void
}

const registrations = new WeakMap<object, Registration>()

function registrationOf(instance: AxiosLike<Config>): Registration {
  const registration = registrations.get(instance) ?? register(instance)
  registrations.set(instance, registration)
  return registration
}

function register(instance: AxiosLike<Config>): Registration {
  const all = new Set<Attachment>()
  const attachments = { all, ...workingsOf(instance) }
  const { request } = instance.interceptors
  let id = 0
  return {
    ...attachments,
    add(attachment) {
      if (all.size === 0) id = request.use(interceptor(instance, attachments), null, { synchronous: true })
      all.add(attachment)
    },
    delete(attachment) {
      if (all.delete(attachment) && all.size === 0) request.eject(id)
    },
  }
}

/** On our adapters: the one the caller asked for. A config that failed before it was sent may come back with ours. */
const callersAdapter = Symbol('callersAdapter')

interface OurAdapter extends Adapter {
  [callersAdapter]?: unknown
}

/**
 * Stands in for the adapter, where the config is final: the URL joined, the body serialised. An answer to a request
 * sent once more then passes transforms and response interceptors once, like any other.
 */
function interceptor(
  instance: AxiosLike<Config>,
  attachments: Attachments,
): (config: Config) => Config | Promise<Config> {
  return config => {
    const { adapter } = config
    const callers = isOurs(adapter) ? adapter[callersAdapter] : adapter
    const ours: OurAdapter = final => {
      final.adapter = callers
      return send(attachments, final)
    }
    ours[callersAdapter] = callers
    config.adapter = ours
    const isCaching = separateKeys(instance, each => sourceOf(attachments, each) !== undefined)
    const source = isCaching && config.cache !== false ? sourceOf(attachments, config) : undefined
    return source === undefined ? config : nameToken(config, source)
  }
}

function isOurs(adapter: unknown): adapter is OurAdapter {
  return typeof adapter === 'function' && callersAdapter in adapter
}
