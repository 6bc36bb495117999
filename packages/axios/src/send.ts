/** One request, told to core's trip: its headers put on what an adapter gets, and its answers shown to it. */
import {
  type Attachment,
  type Attachments,
  type Attempt,
  attachmentFor,
  concealAgent,
  discard,
  isRepeatableBody,
  leadsToSocket,
  type OurHeaders,
  optionError,
  type Sending,
  Trip,
} from '@grantkit/core/kit'
import { answerOf, conceal, concealResponse, giveBack } from './answer.js'
import { type Config, copyOf, type Response, type Workings } from './axios-like.js'
import { keepFromCache } from './caching.js'
import { beforeRedirect, type Cargo, fetchOptionsOf, nextStep } from './redirects.js'

/** An instance with sources attached. */
export interface Attached extends Workings {
  readonly attachments: Attachments<object>
}

/** Sends a request; stands in for the instance's adapter. axios has two ways to cancel, core knows one. */
export function send(attached: Attached, config: Config): Promise<Response> {
  const { cancelToken, signal } = config
  if (!cancelToken) return sendUntil(signal as AbortSignal | undefined, attached, config)
  const controller = new AbortController()
  const cancel = () => controller.abort()
  cancelToken.subscribe(cancel)
  const either = signal ? AbortSignal.any([signal as AbortSignal, controller.signal]) : controller.signal
  return sendUntil(either, attached, config).finally(() => cancelToken.unsubscribe(cancel))
}

async function sendUntil(signal: AbortSignal | undefined, attached: Attached, config: Config): Promise<Response> {
  const sending = sendingOf(config, attached.join(config), signal)
  const trip = new Trip(attached.attachments, sending)
  if (trip.attachment === undefined) return passedThrough(await outcomeOf(attached, config), config)
  if (trip.attachment.agent !== undefined) checkPresentable(config)
  for (const agent of [config.httpAgent, config.httpsAgent]) concealAgent(agent)
  for (let attempt: Attempt = 'first'; ; attempt = 'replay') {
    const outcome = await exchange(attached, trip, { config, sending }, attempt)
    if (!(await isSentAgain(trip, outcome, config))) return concealed(outcome, config)
    discard(outcome.response?.data)
  }
}

/** The source a request would get a token from, as far as its config tells by now; `undefined` where it will have none. */
export function sourceOf({ attachments, join }: Attached, config: Config): Attachment<object> | undefined {
  return attachmentFor(attachments, sendingOf(config, join(config), undefined))
}

function sendingOf(config: Config, url: string, signal: AbortSignal | undefined): Step['sending'] {
  const { method = 'get', headers, auth, httpAgent, httpsAgent } = config
  return {
    url,
    isSocket: leadsToSocket(config, httpAgent, httpsAgent),
    method: method.toUpperCase(),
    signal,
    request: config,
    mayBeKept: mayKeep(config),
    has: name => headers?.has(name) || (name === 'authorization' && Boolean(auth)),
  }
}

/** An adapter of the caller's may have a cache, and so may the dispatcher beneath fetch; Node's http has none. */
function mayKeep({ adapter }: Config): boolean {
  const [first] = [adapter].flat()
  return typeof first === 'function' || first === 'fetch'
}

/** @throws TypeError where nobody would notice that the certificate stays at home */
function checkPresentable({ adapter, httpVersion }: Config): void {
  const names = [adapter].flat()
  if (names[0] === 'fetch') throw optionError('tls', "needs axios's http adapter; fetch takes no client certificate")
  if (Number(httpVersion ?? 1) !== 1) throw optionError('tls', 'needs HTTP/1.1; axios takes no agent for HTTP/2')
}

/** A request, and what core is told of it. */
interface Step {
  readonly config: Config
  readonly sending: Sending & { readonly url: string }
}

/** An answer, or what came instead; a status that axios rejects is both. */
interface Outcome {
  readonly response?: Response | undefined
  readonly error?: unknown
}

/** Sends, and follows where the adapter leaves that to us. */
async function exchange(attached: Attached, trip: Trip<object>, start: Step, attempt: Attempt): Promise<Outcome> {
  let step = start
  for (let hops = 0; ; hops++) {
    const headers = await trip.headersFor(step.sending, hops === 0 ? attempt : 'redirect')
    const outcome = await outcomeOf(attached, loaded(step, cargoOf(trip, step.sending, headers)))
    const next = outcome.response && nextStep(step.config, step.sending.url, outcome.response, hops)
    if (outcome.response === undefined || next === undefined) return outcome
    trip.concerns(answerOf(outcome.response))
    discard(outcome.response.data)
    step = { config: next.config, sending: sendingOf(next.config, next.url, start.sending.signal) }
  }
}

function cargoOf(trip: Trip<object>, sending: Sending, headers: OurHeaders): Cargo {
  return {
    headers,
    agent: trip.attachment?.agent,
    next(method, url, answer) {
      const { statusCode: status = 0, headers: answered = {} } = answer ?? {}
      if (answer !== undefined) trip.concerns({ status, header: name => answered[name] })
      const onward = trip.headersOnward({ ...sending, method, url })
      return trip.attachment && onward
    },
  }
}

/**
 * The config an adapter gets: the caller's, with our headers on it. What was checked is what is requested: the joined
 * URL stands in for its parts, except for an adapter of the caller's own, which may go by the parts.
 */
function loaded({ config, sending: { url } }: Step, cargo: Cargo): Config {
  const copy = copyOf(config)
  if (typeof config.adapter !== 'function') Object.assign(copy, { url, baseURL: undefined })
  if (cargo.agent !== undefined) copy.httpsAgent = cargo.agent
  if ('authorization' in cargo.headers) keepFromCache(config)
  copy.headers = config.headers.concat(cargo.headers)
  copy.beforeRedirect = beforeRedirect(config, cargo)
  copy.fetchOptions = fetchOptionsOf(config)
  return copy
}

function outcomeOf(attached: Attached, config: Config): Promise<Outcome> {
  return dispatched(attached, config).then(
    response => ({ response }),
    error => ({ error, response: error?.response }),
  )
}

/** An adapter of the caller's own may throw at once. */
function dispatched({ dispatch }: Attached, config: Config): Promise<Response> {
  try {
    return dispatch(config)
  } catch (error) {
    return Promise.reject(error)
  }
}

async function isSentAgain(trip: Trip<object>, { response }: Outcome, { data }: Config): Promise<boolean> {
  if (response === undefined) return false
  try {
    return await trip.decide(answerOf(response), isRepeatableBody(data))
  } catch (error) {
    discard(response.data)
    throw error
  }
}

function concealed(outcome: Outcome, config: Config): Response {
  if (outcome.response !== undefined) concealResponse(outcome.response, config)
  conceal(outcome.error, config)
  return resultOf(outcome)
}

function passedThrough(outcome: Outcome, config: Config): Response {
  giveBack(outcome.error, config)
  giveBack(outcome.response, config)
  return resultOf(outcome)
}

function resultOf(outcome: Outcome): Response {
  if ('error' in outcome) throw outcome.error
  return outcome.response as Response
}
