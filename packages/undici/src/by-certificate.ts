/** Requests that belong to origins with a client certificate leave by an agent of ours. */
import type { CurrentAgent } from './attaching.js'
import type { Dispatch, Interceptor } from './dispatch.js'

/** Where a dispatch is to go, when not to what is beneath. */
export const viaAgent = Symbol('agent')

/** Sends requests that belong to origins with a client certificate by the agent that has it. */
export const byCertificate: Interceptor = beneath => {
  const dispatch = beneath as Dispatch
  return (request, handler) => {
    const agent = (request as { [viaAgent]?: CurrentAgent })[viaAgent]
    return agent === undefined ? dispatch(request, handler) : agent().dispatch(request as never, handler as never)
  }
}

/** An interceptor right above it: undici 7 puts handlers of its own between any two. */
export function directly(above: Interceptor): Interceptor {
  return beneath => above(byCertificate(beneath) as never)
}
