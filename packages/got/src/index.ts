/** Attaches a token source to a got instance: got's hooks translated to core's trip. */
import type { TokenSource } from '@grantkit/core'
import { type Attachment, type AttachmentOptions, Attachments, httpsAgent, readAttachment } from '@grantkit/core/kit'
import { callOf, join } from './call.js'
import type { Answer, Options, RequestError, Response } from './got-like.js'

/** The options of one of got's calls. got is an ES module; this finds its types from CommonJS too. */
export type GotOptions = import('got', { with: { 'resolution-mode': 'import' }}).Options

/** Where the tokens go; `tls` replaces `agent.https` there. */
export interface TokenHooksOptions extends AttachmentOptions {}

/** What `got.extend()` takes, of any got from 14 on. */
export interface TokenHooks {
  /** Run around each call, before its options are final. */
  handlers: (<Call>(options: object, next: (options: never) => Call) => Call)[]
  /** Run at each step of a call, for each attempt and each redirect. */
  hooks: {
    beforeRequest: ((options: object) => Promise<void> | undefined)[]
    beforeRedirect: ((options: object, response: object) => void)[]
    afterResponse: (<Answer>(
      response: Answer,
      retryWithMergedOptions: (options: never) => never,
    ) => Answer | Promise<Answer>)[]
    beforeRetry: ((error: object) => Promise<void>)[]
    beforeError: (<Failure>(error: Failure) => Promise<Failure>)[]
  }
}

const attaching = {
  maker: 'tokenHooks',
  order: 'got.extend(tokenHooks(source, options))',
  agentOf: httpsAgent,
  withoutToken: 'authorization: undefined sends none',
}

/**
 * Attaches a token source to a got instance: `got.extend(tokenHooks(source, { origins }))`. Its requests carry a token,
 * and one that a server rejects is replaced and the request sent once more. What the source throws fails the request:
 * it is the `cause` of got's `RequestError`, which has its `code`. So does the `TypeError` for an instance that has two
 * sources for one origin: got does not tell before.
 *
 * @param source where tokens come from; a function chooses one for each request, by got's options
 * @throws TypeError naming the option
 * @see RFC 6750 §2.1, §3.1
 */
export function tokenHooks<RequestOptions = GotOptions>(
  source: TokenSource | ((options: RequestOptions) => TokenSource | Promise<TokenSource>),
  options: TokenHooksOptions = {},
): TokenHooks {
  return hooksOf(readAttachment(attaching, source, options))
}

type Handler = (options: Options | undefined, next: (options: never) => never) => never
type Retry = (options: never) => never
type AfterResponse = (response: Response, retry: Retry) => Response | Promise<Response>

/** Every source of an instance has hooks of its own; they meet in the call that the first of them begins. */
function hooksOf(attachment: Attachment<object>): TokenHooks {
  const attachments = new Attachments([attachment])
  const handler: Handler = (options, next) => {
    // got makes no options of a URL it cannot parse, and fails the request
    if (options !== undefined) join(options, attachments)
    return next(options as never)
  }
  const afterResponse: AfterResponse = (response, retry) =>
    callOf(response.request.options)?.concerns(response) ? decided(response, retry) : response
  // a stream's answer reaches no other hook, and these only when it is an error
  const renew = async (error: RequestError) => {
    const { options, response } = error
    if (options?.isStream && response !== undefined) await callOf(options)?.renew(response)
  }
  const beforeError = async (error: RequestError) => {
    await renew(error)
    return error
  }
  const hooks = {
    beforeRequest: [(options: Options) => callOf(options)?.begin(options)],
    beforeRedirect: [(options: Options, response: Answer) => callOf(options)?.redirect(response)],
    afterResponse: [afterResponse],
    beforeRetry: [renew],
    beforeError: [beforeError],
  }
  return { handlers: [handler], hooks } as unknown as TokenHooks
}

async function decided(response: Response, retry: Retry): Promise<Response> {
  const { options } = response.request
  const again = await callOf(options)?.replay(response)
  return again === undefined ? response : sendAgain(options, () => retry(again as never))
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
