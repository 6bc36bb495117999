/** undici's `request` and an interceptor, over a dispatcher that answers at once. */
import { tokenInterceptor } from '@grantkit/undici'
import { Dispatcher, request } from 'undici'
import type { Repeat } from '../measure.js'
import type { Client } from './added.js'

const origin = 'https://api.example'

export const undiciClient: Client = {
  bare: () => requests(new Instant()),
  synchronous: authorization =>
    through(dispatch => (options, handler) => dispatch(authorized(options, authorization()), handler)),
  asynchronous: authorization =>
    through(dispatch => (options, handler) => {
      authorization().then(
        value => dispatch(authorized(options, value), handler),
        error => handler.onResponseError?.(controller, error),
      )
      return true
    }),
  grantKit: source => through(tokenInterceptor(source, { origins: [origin] })),
}

function through(interceptor: Dispatcher.DispatcherComposeInterceptor): Repeat {
  return requests(new Instant().compose(interceptor))
}

function requests(dispatcher: Dispatcher): Repeat {
  return async times => {
    for (let i = 0; i < times; i++) {
      const { body } = await request(`${origin}/accounts/1`, { dispatcher, headers: { accept: '*/*' } })
      await body.dump()
    }
  }
}

function authorized(options: Dispatcher.DispatchOptions, authorization: string): Dispatcher.DispatchOptions {
  return { ...options, headers: { ...(options.headers as Record<string, string>), authorization } }
}

const controller: Dispatcher.DispatchController = {
  aborted: false,
  paused: false,
  reason: null,
  abort() {},
  pause() {},
  resume() {},
}

/** Handlers are of two kinds in undici 7: `request` has the older one, and interceptors make the newer one of it. */
class Instant extends Dispatcher {
  override dispatch(_options: unknown, handler: Dispatcher.DispatchHandler): boolean {
    if (handler.onRequestStart === undefined) answerOlder(handler)
    else answer(handler)
    return true
  }
}

function answerOlder(handler: Dispatcher.DispatchHandler): void {
  handler.onConnect?.(() => {})
  handler.onHeaders?.(204, [], controller.resume, 'No Content')
  handler.onComplete?.([])
}

function answer(handler: Dispatcher.DispatchHandler): void {
  handler.onRequestStart?.(controller, {})
  handler.onResponseStart?.(controller, 204, {}, 'No Content')
  handler.onResponseEnd?.(controller, {})
}
