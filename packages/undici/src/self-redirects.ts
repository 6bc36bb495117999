/** Beneath `redirect`: a request that is sent on to its own URL, now to be read there, as after a form was posted. */
import { nextHop, parseUrl } from '@grantkit/core/kit'
import type { Dispatch, DispatchOptions, Interceptor } from './dispatch.js'
import type { AnswerHeaders, Controller } from './handler.js'
import { headerObject } from './headers.js'
import { Relay } from './relay.js'

/**
 * undici takes a redirect to a URL that it has been at for a loop. After a POST it is none: what follows is a GET of the
 * same URL (RFC 9110 §15.4.4). That one step is made here; a GET that is sent to itself is a loop as ever.
 */
export const followingToItself: Interceptor = beneath => {
  const dispatch = beneath as Dispatch
  return (request, handler) => {
    const reads = ['GET', 'HEAD'].includes(request.method)
    if (reads || !isFollowing(handler)) return dispatch(request, handler)
    return dispatch(request, new SelfRedirect(handler, request, next => dispatch(next, handler)))
  }
}

/** Told by undici's handler: it is there only where redirects are followed. */
function isFollowing(handler: object): boolean {
  return handler.constructor?.name === 'RedirectHandler'
}

/** Keeps an answer that redirects to where it came from, and asks there again. */
class SelfRedirect extends Relay {
  readonly #request: DispatchOptions
  readonly #again: (next: DispatchOptions) => void
  /** What is asked next, once an answer is kept. */
  #next: DispatchOptions | undefined

  constructor(handler: object, request: DispatchOptions, again: (next: DispatchOptions) => void) {
    super(handler)
    this.#request = request
    this.#again = again
  }

  override onResponseStart(beneath: Controller, status: number, headers: AnswerHeaders, message?: string): void {
    this.#next = nextAtItself(this.#request, status, headers.location)
    if (this.#next === undefined) super.onResponseStart(beneath, status, headers, message)
  }

  override onResponseData(beneath: Controller, chunk: Buffer): void {
    if (this.#next === undefined) super.onResponseData(beneath, chunk)
  }

  override onResponseEnd(beneath: Controller, trailers: AnswerHeaders): void {
    if (this.#next !== undefined) this.#again(this.#next)
    else super.onResponseEnd(beneath, trailers)
  }
}

/** The GET of its own URL that an answer asks for, if it does. */
function nextAtItself(request: DispatchOptions, status: number, location: unknown): DispatchOptions | undefined {
  const { method, origin, path, headers } = request
  const url = parseUrl(path, String(origin))?.href
  if (url === undefined || typeof location !== 'string') return undefined
  // only a GET, which has no body, is sent from here
  const next = nextHop({ method, url, repeatable: true }, { status, location })
  if (next === undefined || 'problem' in next || !next.dropsBody || !isSame(next.url, url)) return undefined
  const kept = Object.entries(headerObject(headers)).filter(
    ([name]) => !next.droppedHeaders.includes(name.toLowerCase()),
  )
  return { ...request, method: 'GET', body: undefined, headers: Object.fromEntries(kept) }
}

/** But for the fragment, which is not sent. */
function isSame(one: string, other: string): boolean {
  return one.split('#')[0] === other.split('#')[0]
}
