/**
 * The decisions every integration shares: which headers a request gets, which it loses on the way, and whether an
 * answer is returned or the request sent once more. An integration translates its library's hooks to these calls.
 */
import { isTokenRejected } from './challenge.js'
import { systemClock } from './clock.js'
import { notify } from './events.js'
import { type Origins, originOf } from './origins.js'
import type { ApiRefusal } from './provider.js'
import { sha256 } from './secret.js'
import type { TokenSet } from './token-set.js'
import type { TokenSource } from './token-source.js'

/** A request about to be sent; `url` is the final one, after every join. */
export interface AttachRequest {
  readonly method: string
  readonly url: string | URL
  readonly signal?: AbortSignal | undefined
}

/** An answer, as far as the decision needs it; `body` is called for a 401 alone. */
export interface AttachResponse {
  readonly status: number
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
  const { url, signal } = request
  origins.check(url)
  let tokenSet = await source.getTokenSet(signal && { signal })
  let replayed = false
  let strayed = false
  return {
    get headers() {
      return headersOf(source, tokenSet)
    },
    allows(url) {
      strayed ||= !origins.has(url)
      return !strayed
    },
    async replay(response, replayable) {
      // an answer of somebody who never saw the token
      if (strayed) return undefined
      if (response.status !== 401 || !isTokenRejected(await refusalOf(response), source.client?.provider))
        return undefined
      const rejected = tokenSet.accessToken
      const key = hopelessKey(rejected, url)
      if (replayed) return giveUp(key, source)
      if (isHopeless(key, source)) return undefined
      tokenSet = await source.getTokenSet({ rejected, signal })
      if (tokenSet.accessToken === rejected) return giveUp(key, source)
      replayed = replayable
      tell(source, url, replayed)
      return replayed ? headersOf(source, tokenSet) : undefined
    },
  }
}

function headersOf({ client }: TokenSource, tokenSet: TokenSet): Record<string, string> {
  return { ...client?.provider.conform.resourceHeaders, authorization: `Bearer ${tokenSet.accessToken}` }
}

async function refusalOf({ status, wwwAuthenticate, body }: AttachResponse): Promise<ApiRefusal> {
  return { status, wwwAuthenticate: wwwAuthenticate ?? '', body: await body() }
}

function tell({ client }: TokenSource, url: string | URL, replayed: boolean): void {
  if (client === undefined) return
  const at = client.clock.now()
  notify(client.onEvent, {
    type: 'token_rejected',
    level: 'debug',
    at,
    provider: client.provider.name,
    origin: originOf(url) ?? '',
    replayed,
  })
}

/**
 * Tokens that were new and rejected all the same: for a while nobody renews because of them, or an API that answers
 * every token with `invalid_token` would cause a token request with each call. By hash, until when.
 */
const hopeless = new Map<string, number>()
const hopelessForMs = 10_000

function hopelessKey(token: string, url: string | URL): string {
  return sha256(`${token} ${originOf(url)}`)
}

function giveUp(key: string, { client }: TokenSource): undefined {
  const now = (client?.clock ?? systemClock).now()
  if (hopeless.size >= 1_000)
    for (const [old, until] of hopeless) if (until <= now || hopeless.size >= 1_000) hopeless.delete(old)
  hopeless.set(key, now + hopelessForMs)
  return undefined
}

function isHopeless(key: string, { client }: TokenSource): boolean {
  const until = hopeless.get(key)
  return until !== undefined && (client?.clock ?? systemClock).now() < until
}
