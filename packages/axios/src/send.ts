/** One request, told to core's trip: its headers put on what an adapter gets, and its answers shown to it. */
import {
  type Attachment,
  type Attachments,
  type Attempt,
  attachmentFor,
  concealAgent,
  discard,
  isRepeatableBody,
  type OurHeaders,
  optionError,
  Trip,
} from '@grantkit/core/kit'
import { Answered, conceal, concealBody, concealResponse, giveBack } from './answer.js'
import { type Config, copyOf, type Response, type Workings, withHeaders } from './axios-like.js'
import { keepFromCache } from './caching.js'
import { beforeHop, leaveRedirects, nextStep } from './redirects.js'
import { Step } from './step.js'

/** An instance with sources attached. */
export interface Attached extends Workings {
  readonly attachments: Attachments<object>
}

/** The source a request would get a token from, as far as its config tells by now; `undefined` where it will have none. */
export function sourceOf({ attachments, join }: Attached, config: Config): Attachment<object> | undefined {
  return attachmentFor(attachments, new Step(config, join(config), undefined))
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

/** Rejects with whatever goes wrong before anything is sent: axios expects that no adapter throws. */
function sendUntil(signal: AbortSignal | undefined, attached: Attached, config: Config): Promise<Response> {
  try {
    const start = new Step(config, attached.join(config), signal)
    const trip = new Trip(attached.attachments, start)
    if (trip.attachment === undefined) return passThrough(attached, config)
    if (trip.attachment.agent !== undefined) checkPresentable(config)
    concealAgent(config.httpAgent)
    concealAgent(config.httpsAgent)
    return new Journey(attached, trip, start).send(start, 'first')
  } catch (error) {
    return Promise.reject(error)
  }
}

/** @throws TypeError where nobody would notice that the certificate stays at home */
function checkPresentable({ adapter, httpVersion }: Config): void {
  const names = [adapter].flat()
  if (names[0] === 'fetch') throw optionError('tls', "needs axios's http adapter; fetch takes no client certificate")
  if (Number(httpVersion ?? 1) !== 1) throw optionError('tls', 'needs HTTP/1.1; axios takes no agent for HTTP/2')
}

function passThrough(attached: Attached, config: Config): Promise<Response> {
  return dispatched(attached, config).then(
    response => {
      giveBack(response, config)
      return response
    },
    error => {
      giveBack(error, config)
      giveBack(error?.response, config)
      throw error
    },
  )
}

/** An adapter of the caller's own may throw at once, and what it returns may know no more of promises than `then`. */
function dispatched({ dispatch }: Attached, config: Config): Promise<Response> {
  try {
    return Promise.resolve(dispatch(config))
  } catch (error) {
    return Promise.reject(error)
  }
}

/** What a request failed with; where axios rejects a status, there is an answer too. */
interface Failure {
  readonly error: unknown
}

/** A request on its way: sent, once more for a new token, and onward where its adapter leaves redirects to us. */
class Journey {
  readonly #attached: Attached
  readonly #trip: Trip<object>
  readonly #start: Step

  constructor(attached: Attached, trip: Trip<object>, start: Step) {
    this.#attached = attached
    this.#trip = trip
    this.#start = start
  }

  send(step: Step, attempt: Attempt, hops = 0): Promise<Response> {
    const headers = this.#trip.headersFor(step, attempt)
    if (!(headers instanceof Promise)) return this.#dispatch(step, headers, hops)
    return headers.then(ready => this.#dispatch(step, ready, hops))
  }

  #dispatch(step: Step, ours: OurHeaders, hops: number): Promise<Response> {
    const agent = this.#trip.attachment?.agent
    const config = loaded(step, ours, agent)
    config.beforeRedirect = (...redirect) => beforeHop({ step, trip: this.#trip, ours, agent }, redirect)
    return dispatched(this.#attached, config).then(
      response => this.#arrived(step, hops, response),
      error => this.#arrived(step, hops, error?.response ?? undefined, { error }),
    )
  }

  #arrived(step: Step, hops: number, response: Response | undefined, failure?: Failure): Response | Promise<Response> {
    if (response === undefined) return this.#handedOn(response, failure)
    const concerns = this.#trip.concerns(new Answered(response))
    const next = nextStep(step, response, hops)
    if (next === undefined) return concerns ? this.#decide(response, failure) : this.#handedOn(response, failure)
    discard(response.data)
    return this.send(next, 'redirect', hops + 1)
  }

  async #decide(response: Response, failure: Failure | undefined): Promise<Response> {
    const repeatable = isRepeatableBody(this.#start.request.data)
    let isHandedOn = false
    try {
      isHandedOn = !(await this.#trip.decide(new Answered(response), repeatable))
    } finally {
      if (!isHandedOn) discard(response.data)
    }
    return isHandedOn ? this.#handedOn(response, failure) : this.send(this.#start, 'replay')
  }

  #handedOn(response: Response | undefined, failure: Failure | undefined): Response {
    const { request: config } = this.#start
    concealBody(config.data)
    if (response !== undefined) concealResponse(response, config)
    if (failure === undefined) return response as Response
    conceal(failure.error, config)
    throw failure.error
  }
}

/**
 * The config an adapter gets: the caller's, with our headers on it. What was checked is what is requested: the joined
 * URL stands in for its parts, except for an adapter of the caller's own, which may go by the parts.
 */
function loaded({ request: config, url }: Step, ours: OurHeaders, agent: object | undefined): Config {
  const copy = copyOf(config)
  if (typeof config.adapter !== 'function') Object.assign(copy, { url, baseURL: undefined })
  if (agent !== undefined) copy.httpsAgent = agent
  if ('authorization' in ours) keepFromCache(config)
  copy.headers = withHeaders(config.headers, ours)
  leaveRedirects(copy)
  return copy
}
