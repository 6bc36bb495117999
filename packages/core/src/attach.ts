/**
 * The decisions every integration shares: which headers a request gets, which it loses on the way, and whether an
 * answer is returned or the request sent once more. An integration translates its library's hooks to these calls.
 */
import type { AccessTokenType } from './binding.js'
import { isTokenRejected, isUnexplained, mayReject, readStepUp, stepUpRequired, wantsNonce } from './challenge.js'
import { conclude, type Doubted, leaveOpen, replacementFor } from './doubt.js'
import { athOf, type DpopKey, nonceFor, rememberDpopNonce } from './dpop.js'
import { tell } from './events.js'
import { giveUp, isHopeless } from './hopeless.js'
import { optionError } from './options.js'
import { type Origins, originOf } from './origins.js'
import type { ApiRefusal, Provider } from './provider.js'
import type { TokenSet } from './token-set.js'
import { heldTokenSet, nowOf, type TokenSource } from './token-source.js'

/** One attempt or hop of a request: what a proof is made for. */
export interface Hop {
  /** As it goes over the wire, such as `GET`. */
  readonly method: string
  /** The final one, absolute. */
  readonly url: string | URL
  /** The same with its path, where `url` is no more than the origin of it. */
  readonly target?: string | undefined
}

/** A request about to be sent; `url` is the final one, after every join. */
export interface AttachRequest extends Hop {
  /** Ends the wait for a token, with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Makes that signal where there is none yet: called once something has to be waited for. */
  readonly makeSignal?: (() => AbortSignal) | undefined
}

/** An answer, as far as the decision needs it; `body` is called for those that {@link Attached.concerns} names. */
export interface AttachResponse {
  /** The HTTP status. */
  readonly status: number
  /** The `WWW-Authenticate` header as received, several of them joined by commas. */
  readonly wwwAuthenticate: string | undefined
  /** The `DPoP-Nonce` header: what the API wants in the next proof (RFC 9449 §8.2). Default: there is none. */
  readonly dpopNonce?: string | undefined
  /** The beginning of the body; the integration hands the whole of it on to the caller. */
  readonly body: () => Promise<string>
}

/** One request on its way, replayed once at most; and once more where the API wants its nonce in the proof. */
export interface Attached {
  /**
   * What the request carries now, by names in lower case; every one of them comes off where {@link allows} says no. To be
   * read for each attempt and hop: a proof is good for one (RFC 9449 §4.2).
   */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Whether a redirect's target may have these headers. Once one may not, none after it gets them back.
   *
   * @param method of the request there. Default: as before
   */
  allows(url: string | URL, method?: string): boolean
  /**
   * Whether an answer with this status has to be decided on; {@link replay} is for those alone. Asked about every answer,
   * since it is noted as well: what came of a request sent again says what the API's refusals are worth.
   *
   * @param dpopNonce the `DPoP-Nonce` header of the answer, for the next proof
   */
  concerns(status: number, dpopNonce?: string | undefined): boolean
  /**
   * Decides on an answer: the headers to send the request again with, or `undefined` to return the answer as it is.
   *
   * @param replayable whether the request can be sent again; if not, the token is still renewed for the next one
   * @throws what the source throws when no new token can be had; LoginRequiredError when the API wants another login of
   *   the user whose token it is
   */
  replay(response: AttachResponse, replayable: boolean): Promise<Readonly<Record<string, string>> | undefined>
}

/**
 * Gets a request its headers.
 *
 * @throws OriginError before any network when the URL may not have them; what the source throws
 */
export async function attach(source: TokenSource, origins: Origins, request: AttachRequest): Promise<Attached> {
  const attached = await attachAwaited(source, origins, request)
  // its members may be taken apart
  return {
    get headers() {
      return attached.headers
    },
    allows: (url, method) => attached.allows(url, method),
    concerns: (status, dpopNonce) => attached.concerns(status, dpopNonce),
    replay: (response, replayable) => attached.replay(response, replayable),
  }
}

/**
 * The same as one object, whose methods need it.
 *
 * @throws as {@link attach}
 */
export async function attachAwaited(
  source: TokenSource,
  origins: Origins,
  request: AttachRequest,
): Promise<AttachedRequest> {
  const attached = attachHeld(source, origins, request)
  if (attached !== undefined) return attached
  const signal = signalOf(request)
  return new AttachedRequest(source, origins, request, await source.getTokenSet(signal && { signal }))
}

/**
 * The same at once, or `undefined` where the source has to be asked.
 *
 * @throws OriginError as {@link attach}
 */
export function attachHeld(source: TokenSource, origins: Origins, request: AttachRequest): AttachedRequest | undefined {
  origins.check(request.url)
  const tokenSet = heldTokenSet(source, request.signal)
  return tokenSet && new AttachedRequest(source, origins, request, tokenSet)
}

/** Made for every request: what only a refusal needs is made then. */
export class AttachedRequest implements Attached {
  readonly #source: TokenSource
  readonly #origins: Origins
  readonly #request: AttachRequest
  #tokenSet: TokenSet
  /** Where the request is now. */
  #hop: Hop
  #strayed = false
  #isReplayed = false
  /** The nonce in the proof that went out last. */
  #nonce: string | undefined
  #isProvenAnew = false
  /** A token that was refused without a reason, if the request was sent again for it. */
  #doubted: Doubted | undefined

  constructor(source: TokenSource, origins: Origins, request: AttachRequest, tokenSet: TokenSet) {
    this.#source = source
    this.#origins = origins
    this.#request = request
    this.#tokenSet = tokenSet
    this.#hop = request
  }

  get headers(): Record<string, string> {
    const { tokenType, accessToken } = this.#tokenSet
    const headers: Record<string, string> =
      tokenType === 'DPoP' ? this.#proven(accessToken) : { authorization: `Bearer ${accessToken}` }
    const more = this.#provider?.conform.resourceHeaders
    return more === undefined ? headers : Object.assign(inLowerCase(more), headers)
  }

  allows(url: string | URL, method = this.#hop.method): boolean {
    return this.goesTo({ url, method })
  }

  /** As {@link allows}. Nothing is asked of the hop but where it leads, until a proof is made for it. */
  goesTo(hop: Hop): boolean {
    this.#strayed ||= !this.#origins.has(hop.url)
    this.#hop = hop
    return !this.#strayed
  }

  /** Whether what it carries is made for one attempt or hop alone, with a nonce that answers bring. */
  get isProven(): boolean {
    return this.#tokenSet.tokenType === 'DPoP'
  }

  concerns(status: number, dpopNonce?: string | undefined): boolean {
    // an answer of somebody who never saw the token, or none yet
    if (this.#strayed || status < 200) return false
    if (dpopNonce !== undefined && this.isProven) rememberDpopNonce(this.#key, this.#hop.url, dpopNonce)
    // a nonce is asked for with a 401, whatever the status of a dead token is
    const isConcern = mayReject(status, this.#provider) || (status === 401 && this.isProven)
    if (!isConcern) this.#accepted(status)
    return isConcern
  }

  async replay(response: AttachResponse, replayable: boolean): Promise<Record<string, string> | undefined> {
    if (!this.concerns(response.status, response.dpopNonce)) return undefined
    if (this.isProven && wantsNonce(response.wwwAuthenticate ?? '')) return this.#provenAnew(replayable)
    const refusal = await refusalOf(response)
    const stepUp = readStepUp(refusal, this.#provider)
    const reason = stepUp === undefined ? reasonOf(refusal, this.#provider, this.#tokenSet.tokenType) : undefined
    if (reason === undefined) this.#accepted(response.status)
    else if (this.#isReplayed) this.#refusedAgain(reason)
    if (stepUp !== undefined && this.#source.subject !== undefined) throw stepUpRequired(this.#source, stepUp)
    if (reason === undefined || this.#isReplayed) return undefined
    const next = await this.#replacementAfter(reason)
    if (next === undefined) return undefined
    this.#tokenSet = next
    this.#isReplayed = replayable
    if (!replayable && this.#doubted !== undefined) leaveOpen(this.#doubted)
    tellOfRejection(this.#source, this.#hop.url, replayable)
    return replayable ? this.headers : undefined
  }

  /** The scheme and the proof of a DPoP token (RFC 9449 §7.1). */
  #proven(accessToken: string): Record<string, string> {
    const key = this.#key
    const { method, url, target = url } = this.#hop
    this.#nonce = nonceFor(key, url)
    const proof = { method, url: target, now: nowOf(this.#source), ath: athOf(this.#tokenSet), nonce: this.#nonce }
    return { authorization: `DPoP ${accessToken}`, dpop: key.signProof(proof) }
  }

  /** The headers with the nonce that the API wants, once; the token itself was not looked at. */
  #provenAnew(replayable: boolean): Record<string, string> | undefined {
    const isKnown = nonceFor(this.#key, this.#hop.url) !== this.#nonce
    if (this.#isProvenAnew || !replayable || !isKnown) {
      if (this.#doubted !== undefined) leaveOpen(this.#doubted)
      return undefined
    }
    this.#isProvenAnew = true
    return this.headers
  }

  /** @throws TypeError where a token would be used without its key */
  get #key(): DpopKey {
    const key = this.#source.client?.dpop
    const { jkt = key?.thumbprint } = this.#tokenSet
    if (key !== undefined && key.thumbprint === jkt) return key
    throw optionError('source', 'yields a DPoP token whose key its client does not have: createClient({ dpop: … })')
  }

  get #provider(): Provider | undefined {
    return this.#source.client?.provider
  }

  /** The token the request carries, where it carries it now. */
  get #concern(): Doubted {
    const signal = signalOf(this.#request)
    return { source: this.#source, token: this.#tokenSet.accessToken, url: this.#hop.url, signal }
  }

  /** A token set to send the request with once more. */
  async #replacementAfter(reason: Reason): Promise<TokenSet | undefined> {
    const concern = this.#concern
    if (reason === 'unexplained') {
      this.#doubted = concern
      return replacementFor(concern)
    }
    if (isHopeless(concern)) return undefined
    const { source, token: rejected, signal } = concern
    const next = await source.getTokenSet({ rejected, signal })
    if (next.accessToken !== rejected) return next
    giveUp(concern)
    return undefined
  }

  /** The new token is refused as well. */
  #refusedAgain(reason: Reason): void {
    if (this.#doubted !== undefined || reason === 'unexplained') conclude(this.#doubted ?? this.#concern, false)
    this.#doubted = undefined
    if (reason === 'rejected') giveUp(this.#concern)
  }

  /** The new token is taken, as far as that can be told. */
  #accepted(status: number): void {
    if (this.#doubted === undefined) return
    if (tellsSomething(status)) conclude(this.#doubted, true)
    else leaveOpen(this.#doubted)
    this.#doubted = undefined
  }
}

function signalOf(request: AttachRequest): AbortSignal | undefined {
  return request.signal ?? request.makeSignal?.()
}

/** Why a token may be no good: the API says so, or does not say why it refuses. */
type Reason = 'rejected' | 'unexplained'

function reasonOf(refusal: ApiRefusal, provider: Provider | undefined, tokenType: AccessTokenType): Reason | undefined {
  if (isTokenRejected(refusal, provider)) return 'rejected'
  return isUnexplained(refusal, provider, tokenType) ? 'unexplained' : undefined
}

/** What a server answers that is in trouble says nothing of the token. */
function tellsSomething(status: number): boolean {
  return status < 500 && status !== 429
}

/** Headers by their names in lower case, read anew each time: a provider may replace the key that is in one. */
function inLowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

async function refusalOf({ status, wwwAuthenticate, body }: AttachResponse): Promise<ApiRefusal> {
  return { status, wwwAuthenticate: wwwAuthenticate ?? '', body: await body() }
}

function tellOfRejection({ client }: TokenSource, url: string | URL, replayed: boolean): void {
  if (client !== undefined)
    tell(client, { type: 'token_rejected', level: 'debug', origin: originOf(url) ?? '', replayed })
}
