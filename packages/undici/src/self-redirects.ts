/** Beneath `redirect`: a request that is sent on to its own URL, now to be read there, as after a form was posted. */
import { parseUrl } from '@grantkit/core/kit'
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
    const again = () => dispatch(asGet(request), handler)
    return dispatch(request, forEither(new SelfRedirect(request, receiver, again)))
  }
}

/** Told by undici's handler: it is there only where redirects are followed. */
function isFollowing(handler: object): boolean {
  return handler.constructor?.name === 'RedirectHandler'
}

const contentHeaders = ['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']

function asGet(request: DispatchOptions): DispatchOptions {
  return { ...request, method: 'GET', body: undefined, headers: withoutHeaders(request.headers, contentHeaders) }
}

/** Keeps an answer that redirects to where it came from, and asks there again. */
class SelfRedirect implements Handler {
  readonly #request: DispatchOptions
  readonly #handler: Handler
  readonly #again: () => void
  #isKept = false

  constructor(request: DispatchOptions, handler: Handler, again: () => void) {
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
    this.#isKept = becomesGet(this.#request, status) && leadsTo(this.#request, headers.location)
    if (!this.#isKept) this.#handler.onResponseStart?.(controller, status, headers, message)
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (!this.#isKept) this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: Controller, trailers: AnswerHeaders): void {
    if (this.#isKept) this.#again()
    else this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Controller, error: unknown): void {
    this.#handler.onResponseError?.(controller, error)
  }
}

function becomesGet({ method }: DispatchOptions, status: number): boolean {
  return status === 303 || ((status === 301 || status === 302) && method === 'POST')
}

function leadsTo({ origin, path }: DispatchOptions, location: string | string[] | undefined): boolean {
  const own = parseUrl(path, String(origin))
  const target = own && typeof location === 'string' ? parseUrl(location, own.href) : undefined
  if (own === undefined || target === undefined) return false
  target.hash = ''
  return target.href === own.href
}
