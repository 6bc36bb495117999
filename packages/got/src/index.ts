/** Attaches a token source to a got instance: got's hooks translated to core's `attach()`. */
import type { TlsOptions, TokenSource } from '@grantkit/core'
import {
  checkOptions,
  checkSource,
  checkTls,
  httpsAgent,
  optionError,
  parseOrigins,
  refuseSource,
  systemClock,
} from '@grantkit/core/kit'
import type { Options, RequestError, Response } from './got-like.js'
import { type Attachment, join, tripOf } from './trip.js'

/** got is an ES module; this finds its types from CommonJS too. */
type GotOptions = import('got', { with: { 'resolution-mode': 'import' }}).Options

export interface TokenHooksOptions {
  /**
   * Where tokens may be sent: scheme, host and port, checked on the final URL and on every redirect.
   * Default: the source's own `origins`.
   */
  readonly origins?: readonly string[] | undefined
  /**
   * What happens to requests to other origins: refused with an `OriginError` before anything is sent, or sent without
   * a token. Default `refuse`. With several sources on one instance, all of them have to let a request pass.
   */
  readonly otherOrigins?: 'refuse' | 'pass-through' | undefined
  /** Client certificate, CA and connection of the requests to these origins; replaces `agent.https` there. */
  readonly tls?: TlsOptions | undefined
}

/** What `got.extend()` takes, of any got from 14 on. */
export interface TokenHooks {
  handlers: (<Call>(options: object, next: (options: never) => Call) => Call)[]
  hooks: {
    beforeRequest: ((options: object) => Promise<void>)[]
    beforeRedirect: ((options: object) => void)[]
    afterResponse: (<Answer>(response: Answer, retryWithMergedOptions: (options: never) => never) => Promise<Answer>)[]
    beforeRetry: ((error: object) => Promise<void>)[]
    beforeError: (<Failure>(error: Failure) => Promise<Failure>)[]
  }
}

/**
 * Attaches a token source to a got instance: `got.extend(tokenHooks(source, { origins }))`. Its requests carry a token,
 * and one that a server rejects is replaced and the request sent once more. What the source throws fails the request:
 * it is the `cause` of got's `RequestError`, which has its `code`. So does the `TypeError` for an instance with two sources
 * for one origin, which got does not let anybody see before its first request.
 *
 * @param source where tokens come from; a function chooses one for each request, by got's options
 * @throws TypeError naming the option
 * @see RFC 6750 §2.1, §3.1
 */
export function tokenHooks<RequestOptions = GotOptions>(
  source: TokenSource | ((options: RequestOptions) => TokenSource | Promise<TokenSource>),
  options: TokenHooksOptions = {},
): TokenHooks {
  const order = 'got.extend(tokenHooks(source, options))'
  refuseSource('options', options, order)
  checkSource(source, order)
  checkOptions('tokenHooks', options, ['origins', 'otherOrigins', 'tls'])
  const { otherOrigins = 'refuse', tls } = options
  if (!['refuse', 'pass-through'].includes(otherOrigins))
    throw optionError('otherOrigins', 'must be refuse or pass-through')
  if (tls !== undefined) checkTls('tokenHooks', tls, ((source as TokenSource).client?.clock ?? systemClock).now())
  const list = options.origins ?? (source as TokenSource).origins
  if (list === undefined) throw optionError('origins', 'is needed: the source does not say where its tokens may go')
  return hooksOf({ source, origins: parseOrigins(list), listed: list, otherOrigins, agent: tls && httpsAgent(tls) })
}

type Handler = (options: Options | undefined, next: (options: never) => never) => never
type AfterResponse = (response: Response, retry: (options: never) => never) => Promise<Response>

/** Every source of an instance has hooks of its own; they meet in the trip that the first of them begins. */
function hooksOf(attachment: Attachment): TokenHooks {
  const handler: Handler = (options, next) => {
    // got makes no options of a URL it cannot parse, and fails the request
    if (options !== undefined) join(options, attachment)
    return next(options as never)
  }
  const afterResponse: AfterResponse = async (response, retry) => {
    const { options } = response.request
    const again = await tripOf(options)?.replay(response)
    return again === undefined ? response : sendAgain(options, () => retry(again as never))
  }
  // a stream's answer reaches no other hook, and these only when it is an error
  const renew = async (error: RequestError) => {
    const { options, response } = error
    if (options?.isStream && response !== undefined) await tripOf(options)?.renew(response)
  }
  const beforeError = async (error: RequestError) => {
    await renew(error)
    return error
  }
  const hooks = {
    beforeRequest: [async (options: Options) => tripOf(options)?.begin(options)],
    beforeRedirect: [(options: Options) => redirect(options)],
    afterResponse: [afterResponse],
    beforeRetry: [renew],
    beforeError: [beforeError],
  }
  return { handlers: [handler], hooks } as unknown as TokenHooks
}

function redirect(options: Options): void {
  const trip = tripOf(options)
  if (trip !== undefined) trip.redirected = true
}

/**
 * got would drop the hooks behind this one for the second answer; they stay, and the bound on repeating is the trip's.
 * Whether and when got retries by itself is the caller's to say, and does not concern this.
 */
async function sendAgain({ hooks, retry: policy }: Options, retry: () => never): Promise<never> {
  const { afterResponse } = hooks
  const { calculateDelay } = policy
  policy.calculateDelay = () => {
    policy.calculateDelay = calculateDelay
    return 1
  }
  try {
    return await retry()
  } finally {
    hooks.afterResponse = afterResponse
  }
}
