/** Beneath `redirect`: a request that is sent on to its own URL, now to be read there, as after a form was posted. */
import { nextHop, parseUrl } from '@grantkit/core/kit'
import {
  type AnswerHeaders,
  type Controller,
  type Dispatch,
  type DispatchOptions,
  forEither,
  fromLegacy,
  type Handler,
  isLegacy,
} from './handlers.js'
import { withoutHeaders } from './headers.js'
import type { Interceptor } from './interceptor.js'

/**
 * undici takes a redirect to a URL that it has been at for a loop. After a POST it is none: what follows is a GET of the
 * same URL (RFC 9110 §15.4.4). That one step is made here; a GET that is sent to itself is a loop as ever.
 */
export const followingToItself: Interceptor = beneath => {
  const dispatch = beneath as Dispatch
  return (request, handler) => {
    const reads = ['GET', 'HEAD'].includes(request.method)
    if (reads || !isFollowing(handler)) return dispatch(request, handler)
    const receiver = isLegacy(handler) ? fromLegacy(handler) : handler
    const again = (next: DispatchOptions) => dispatch(next, handler)
    return dispatch(request, forEither(new SelfRedirect(request, receiver, again)))
  }
}

/** Told by undici's handler: it is there only where redirects are followed. */
function isFollowing(handler: object): boolean {
  return handler.constructor?.name === 'RedirectHandler'
}

/** The GET of its own URL that an answer asks for, if it does. */
function nextAtItself(request: DispatchOptions, status: number, location: unknown): DispatchOptions | undefined {
  const { method, origin, path, headers } = request
  const url = parseUrl(path, String(origin))?.href
  if (url === undefined || typeof location !== 'string') return undefined
  // only a GET, which has no body, is sent from here
  const next = nextHop({ method, url, repeatable: true }, { status, location })
  if (next === undefined || 'problem' in next || !next.dropsBody || !isSame(next.url, url)) return undefined
  return { ...request, method: 'GET', body: undefined, headers: withoutHeaders(headers, next.droppedHeaders) }
}

/** But for the fragment, which is not sent. */
function isSame(one: string, other: string): boolean {
  return one.split('#')[0] === other.split('#')[0]
}

/** Keeps an answer that redirects to where it came from, and asks there again. */
class SelfRedirect implements Handler {
  readonly #request: DispatchOptions
  readonly #handler: Handler
  readonly #again: (next: DispatchOptions) => void
  /** What is asked next, once an answer is kept. */
  #next: DispatchOptions | undefined

  constructor(request: DispatchOptions, handler: Handler, again: (next: DispatchOptions) => void) {
    this.#request = request
    this.#handler = handler
    this.#again = again
  }

  onRequestStart(controller: Controller, context?: unknown): void {
    this.#handler.onRequestStart?.(controller, context)
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.()
  }

  onBodySent(chunk: unknown): void {
    this.#handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#handler.onRequestSent?.()
  }

  onResponseStart(controller: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    this.#next = nextAtItself(this.#request, status, headers.location)
    if (this.#next === undefined) this.#handler.onResponseStart?.(controller, status, headers, message)
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (this.#next === undefined) this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: Controller, trailers: AnswerHeaders): void {
    if (this.#next !== undefined) this.#again(this.#next)
    else this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Controller, error: unknown): void {
    this.#handler.onResponseError?.(controller, error)
  }
}
