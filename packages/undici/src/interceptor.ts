/** Attaches a token source to an undici dispatcher. */
import {
  type AttachmentOptions,
  type Attachments,
  readAttachments,
  type SourceAttachment,
  type SourceOf,
} from '@grantkit/core/kit'
import { attachingBy, type CurrentAgent } from './attaching.js'
import { directly } from './by-certificate.js'
import { Chains } from './chains.js'
import type { Dispatch, DispatchOptions, Interceptor } from './dispatch.js'
import { Passage, type Route } from './passage.js'

/** Where tokens go. `tls` takes an agent of our own. */
export type TokenOptions = AttachmentOptions

/** Chooses a source for a request by what was given to `dispatch`. */
export type DispatchSource = SourceOf<DispatchOptions>

/**
 * An interceptor for `compose()`: requests through it carry a token, and one that a server rejects is replaced and the
 * request sent once more. What the source throws fails the request. `CONNECT` and upgrades are left alone.
 *
 * Interceptors that dispatch again (`retry`, `redirect`) belong above it. A cache, above or beneath, keeps no answer to a
 * token, since it could not tell tokens apart; under `withTokens()` it can.
 *
 * @param source where tokens come from, or a function that chooses for each request; or several, each with its options
 * @throws TypeError naming the option
 * @see RFC 6750 §2.1, §3.1
 */
export function tokenInterceptor(
  source: DispatchSource | readonly SourceAttachment<DispatchOptions>[],
  options: TokenOptions = {},
): Interceptor {
  const attachments = readAttachments(attachingBy('tokenInterceptor'), source, options)
  // nobody knows what is beneath: a cache there is to leave the request alone
  return directly(carryingTokens(attachments, { mayBeKept: true }))
}

/** The interceptor; {@link byCertificate} has to be somewhere beneath. */
export function carryingTokens(attachments: Attachments<CurrentAgent>, { mayBeKept = false } = {}): Interceptor {
  return beneath => {
    const dispatch = beneath as Dispatch
    const route: Route = { dispatch, attachments, chains: new Chains(), mayBeKept }
    return (request, handler) => {
      if (request.upgrade || request.method === 'CONNECT') return dispatch(request, handler)
      return new Passage(route, request, handler).carry(handler)
    }
  }
}
