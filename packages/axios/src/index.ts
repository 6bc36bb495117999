/** Attaches a token source to an axios instance: axios's hooks translated to core's trip. */
import type { TokenSource } from '@grantkit/core'
import {
  type Attachment,
  type AttachmentOptions,
  Attachments,
  checkSource,
  httpsAgent,
  optionError,
  originOf,
  readAttachment,
  refuseSource,
} from '@grantkit/core/kit'
import { type Adapter, type AxiosLike, type Config, workingsOf } from './axios-like.js'
import { nameToken, separateKeys } from './caching.js'
import { type Attached, send, sourceOf } from './send.js'

export type { AxiosLike }

/** Where the tokens go, and how. */
export interface AttachTokenSourceOptions extends AttachmentOptions {
  /**
   * Where tokens may be sent: scheme, host and port, checked on the final URL and on every redirect.
   * Default: the source's own `origins`, else the origin of the instance's `baseURL`.
   */
  readonly origins?: readonly string[] | undefined
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
  // who swaps the two is told of that first
  checkSource(source, order)
  const registration = registrationOf(instance as unknown as AxiosLike<Config>)
  const attaching = {
    ...{ maker: 'attachTokenSource', order, agentOf: httpsAgent },
    withoutToken: 'send Authorization: false for a request without a token',
    defaultOrigins: () => originOfBase(instance.defaults?.baseURL),
  }
  const attachment = readAttachment(attaching, source, options)
  registration.add(attachment)
  return () => registration.delete(attachment)
}

function originOfBase(baseURL: string | undefined): string[] {
  const origin = originOf(baseURL ?? '')
  if (origin !== undefined) return [origin]
  throw optionError('origins', 'is needed: neither the source nor the baseURL of the instance says where tokens may go')
}

/** An instance's sources. One interceptor serves them all, and none stays when the last is detached. */
interface Registration {
  add(attachment: Attachment<object>): void
  delete(attachment: Attachment<object>): void
}

const registrations = new WeakMap<object, Registration>()

function registrationOf(instance: AxiosLike<Config>): Registration {
  const registration = registrations.get(instance) ?? register(instance)
  registrations.set(instance, registration)
  return registration
}

function register(instance: AxiosLike<Config>): Registration {
  const attachments = new Attachments<object>()
  const attached = { attachments, ...workingsOf(instance) }
  const { request } = instance.interceptors
  let id = 0
  return {
    add(attachment) {
      attachments.add(attachment)
      if (attachments.size === 1) id = request.use(interceptor(instance, attached), null, { synchronous: true })
    },
    delete(attachment) {
      if (attachments.delete(attachment) && attachments.size === 0) request.eject(id)
    },
  }
}

/** On our adapters: the one the caller asked for. A config that failed before it was sent may come back with ours. */
const callersAdapter = Symbol('callersAdapter')

interface OurAdapter extends Adapter {
  readonly [callersAdapter]: unknown
}

/**
 * Stands in for the adapter, where the config is final: the URL joined, the body serialised. An answer to a request
 * sent once more then passes transforms and response interceptors once, like any other.
 */
function interceptor(instance: AxiosLike<Config>, attached: Attached): (config: Config) => Config | Promise<Config> {
  const carriesToken = (config: Config) => sourceOf(attached, config) !== undefined
  let ours = ourAdapter(attached, undefined)
  return config => {
    const { adapter } = config
    const callers = isOurs(adapter) ? adapter[callersAdapter] : adapter
    // most requests of an instance have the same
    if (ours[callersAdapter] !== callers) ours = ourAdapter(attached, callers)
    config.adapter = ours
    if (!separateKeys(instance, carriesToken) || config.cache === false) return config
    const serving = sourceOf(attached, config)
    return serving === undefined ? config : nameToken(config, serving)
  }
}

function ourAdapter(attached: Attached, callers: unknown): OurAdapter {
  const adapter: Adapter = final => {
    final.adapter = callers
    return send(attached, final)
  }
  return Object.assign(adapter, { [callersAdapter]: callers })
}

function isOurs(adapter: unknown): adapter is OurAdapter {
  return typeof adapter === 'function' && callersAdapter in adapter
}
