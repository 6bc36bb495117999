/** undici's `request` and an interceptor, over the network or a dispatcher that answers at once. */
import { tokenInterceptor } from '@grantkit/undici'
import { Agent, Dispatcher, request } from 'undici'
import { type Client, nowhere, type Send } from './client.js'

export function undiciTo(origin: string): Client {
  return clientOf(origin, () => new Agent())
}

function clientOf(origin: string, make: () => Dispatcher): Client {
  const sending = (dispatcher: Dispatcher): Send => {
    return async () => {
      const { body } = await request(`${origin}/accounts/1`, { dispatcher, headers: { accept: '*/*' } })
      await body.dump()
    }
  }
  const through = (interceptor: Dispatcher.DispatcherComposeInterceptor) => sending(make().compose(interceptor))
  return {
    bare: () => sending(make()),
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
class AnsweringAtOnce extends Dispatcher {
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

export const undiciAtOnce = clientOf(nowhere, () => new AnsweringAtOnce())
