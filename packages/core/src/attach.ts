/**
 * The decisions every integration shares: which headers a request gets, which it loses on the way, and whether an
 * answer is returned or the request sent once more. An integration translates its library's hooks to these calls.
 */
import { isTokenRejected, isUnexplained, mayReject } from './challenge.js'
import { conclude, type Doubted, leaveOpen, replacementFor } from './doubt.js'
import { tell } from './events.js'
import { giveUp, isHopeless } from './hopeless.js'
import { type Origins, originOf } from './origins.js'
import type { ApiRefusal, Provider } from './provider.js'
import type { TokenSet } from './token-set.js'
import { heldTokenSet, type TokenSource } from './token-source.js'

/** A request about to be sent; `url` is the final one, after every join. */
export interface AttachRequest {
  /** The HTTP method, such as `GET`. */
  readonly method: string
  /** The final one, absolute. */
  readonly url: string | URL
  /** Ends the wait for a token, with its reason. */
  readonly signal?: AbortSignal | undefined
}

/** An answer, as far as the decision needs it; `body` is called for those that {@link Attached.concerns} names. */
export interface AttachResponse {
  /** The HTTP status. */
  readonly status: number
  /** The `WWW-Authenticate` header as received, several of them joined by commas. */
  readonly wwwAuthenticate: string | undefined
  /** The beginning of the body; the integration hands the whole of it on to the caller. */
  readonly body: () => Promise<string>
}

/** One request on its way, replayed at most once. */
export interface Attached {
  /** What the request carries now; every one of them comes off where {@link allows} says no. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether a redirect's target may have these headers. Once one may not, none after it gets them back. */
  allows(url: string | URL): boolean
  /**
   * Whether an answer with this status has to be decided on; {@link replay} is for those alone. Asked about every answer,
   * since it is noted as well: what came of a request sent again says what the API's refusals are worth.
   */
  concerns(status: number): boolean
  /**
   * Decides on an answer: the headers to send the request again with, or `undefined` to return the answer as it is.
   *
   * @param replayable whether the request can be sent again; if not, the token is still renewed for the next one
   * @throws what the source throws when no new token can be had
   */
  replay(response: AttachResponse, replayable: boolean): Promise<Readonly<Record<string, string>> | undefined>
}

/**
 * Gets a request its headers.
 *
 * @throws OriginError before any network when the URL may not have them; what the source throws
 */
export async function attach(source: TokenSource, origins: Origins, request: AttachRequest): Promise<Attached> {
  const { signal } = request
  origins.check(request.url)
  const first = heldTokenSet(source, signal) ?? (await source.getTokenSet(signal && { signal }))
  return attachedWith(first, source, origins, request)
}

/**
 * The same at once, or `undefined` where the source has to be asked.
 *
 * @throws OriginError as {@link attach}
 */
export function attachHeld(source: TokenSource, origins: Origins, request: AttachRequest): Attached | undefined {
  origins.check(request.url)
  const first = heldTokenSet(source, request.signal)
  return first && attachedWith(first, source, origins, request)
}

function attachedWith(first: TokenSet, source: TokenSource, origins: Origins, request: AttachRequest): Attached {
  const { signal } = request
  const provider = source.client?.provider
  let tokenSet = first
  /** Where the request is now. */
  let { url } = request
  let replayed = false
  let strayed = false
  /** A token that was refused without a reason, if the request was sent again for it. */
  let doubted: Doubted | undefined

  /** A token set to send the request with once more. */
  async function replacementAfter(reason: Reason): Promise<TokenSet | undefined> {
    const rejected = tokenSet.accessToken
    if (reason === 'unexplained') {
      doubted = { source, token: rejected, url, signal }
      return replacementFor(doubted)
    }
    const concern = { source, token: rejected, url }
    if (isHopeless(concern)) return undefined
    const next = await source.getTokenSet({ rejected, signal })
    if (next.accessToken !== rejected) return next
    giveUp(concern)
    return undefined
  }

  /** The new token is refused as well. */
  function refusedAgain(reason: Reason): void {
    const concern = { source, token: tokenSet.accessToken, url, signal }
    if (doubted !== undefined || reason === 'unexplained') conclude(doubted ?? concern, false)
    doubted = undefined
    if (reason === 'rejected') giveUp(concern)
  }

  /** The new token is taken, as far as that can be told. */
  function accepted(status: number): void {
    if (doubted !== undefined && tellsSomething(status)) conclude(doubted, true)
    else if (doubted !== undefined) leaveOpen(doubted)
    doubted = undefined
  }

  const attached: Attached = {
    get headers() {
      return headersOf(source, tokenSet)
    },
    allows(next) {
      strayed ||= !origins.has(next)
      url = next
      return !strayed
    },
    concerns(status) {
      // an answer of somebody who never saw the token, or none yet
      if (strayed || status < 200) return false
      const isConcern = mayReject(status, provider)
      if (!isConcern) accepted(status)
      return isConcern
    },
    async replay(response, replayable) {
      if (!attached.concerns(response.status)) return undefined
      const reason = reasonOf(await refusalOf(response), provider)
      if (reason === undefined) accepted(response.status)
      else if (replayed) refusedAgain(reason)
      if (reason === undefined || replayed) return undefined
      const next = await replacementAfter(reason)
      if (next === undefined) return undefined
      tokenSet = next
      replayed = replayable
      if (!replayable && doubted !== undefined) leaveOpen(doubted)
      tellOfRejection(source, url, replayed)
      return replayed ? headersOf(source, tokenSet) : undefined
    },
  }
  return attached
}

/** Why a token may be no good: the API says so, or does not say why it refuses. */
type Reason = 'rejected' | 'unexplained'

function reasonOf(refusal: ApiRefusal, provider: Provider | undefined): Reason | undefined {
  if (isTokenRejected(refusal, provider)) return 'rejected'
  return isUnexplained(refusal, provider) ? 'unexplained' : undefined
}

/** What a server answers that is in trouble says nothing of the token. */
function tellsSomething(status: number): boolean {
  return status < 500 && status !== 429
}

function headersOf({ client }: TokenSource, tokenSet: TokenSet): Record<string, string> {
  return { ...client?.provider.conform.resourceHeaders, authorization: `Bearer ${tokenSet.accessToken}` }
}

async function refusalOf({ status, wwwAuthenticate, body }: AttachResponse): Promise<ApiRefusal> {
  return { status, wwwAuthenticate: wwwAuthenticate ?? '', body: await body() }
}

function tellOfRejection({ client }: TokenSource, url: string | URL, replayed: boolean): void {
  if (client !== undefined)
    tell(client, { type: 'token_rejected', level: 'debug', origin: originOf(url) ?? '', replayed })
}
