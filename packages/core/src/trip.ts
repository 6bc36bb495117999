/**
 * One request of a caller's, from its first attempt to its last hop: what each of them carries, and whether an answer is
 * returned or the request sent once more. An integration translates its library's hooks to these calls, and decides nothing.
 */
import { type AttachedRequest, attachAwaited, attachHeld, type Hop } from './attach.js'
import { type Asking, type Attachment, type Attachments, hasUserInformation, type Target } from './attachments.js'
import type { Origins } from './origins.js'
import { uncachedRequest } from './private-answers.js'
import type { TokenSource } from './token-source.js'

/** What is about to be sent: one attempt, or one hop of it. */
export interface Sending extends Target, Hop, Asking {
  /** Ends the wait for a token, with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Makes that signal where there is none yet: called once something has to be waited for. */
  readonly makeSignal?: (() => AbortSignal) | undefined
  /** Whether the caller set a header, by its name in small letters; then it is theirs, and stays as it is. */
  has(name: string): boolean
  /** Whether there may be a cache beneath, which would keep what comes. Default `false`. */
  readonly mayBeKept?: boolean | undefined
}

/**
 * Why something is sent: as the `first`; by the library's own `retry`, with a token of its own; as a `replay` that
 * {@link Trip.decide} asked for; or as the next hop of a `redirect`.
 */
export type Attempt = 'first' | 'retry' | 'replay' | 'redirect'

/** Headers of ours, by their names in small letters; what the caller set is not among them. */
export type OurHeaders = Readonly<Record<string, string>>

/** An answer, as far as a decision needs it. */
export interface Answer {
  /** The HTTP status. */
  readonly status: number
  /** A header by its name in small letters, several of one name joined by commas. */
  readonly header: (name: string) => string | undefined
}

/** One that is decided on. */
export interface Refused extends Answer {
  /** The beginning of the body, 64 KiB at most; the integration hands the whole of it on to the caller. */
  readonly body: () => Promise<string>
}

const none: OurHeaders = Object.freeze({})

/** One request on its way, sent once more at most. */
export class Trip<Agent> {
  readonly #attachments: Attachments<Agent>
  #attachment: Attachment<Agent> | undefined
  #attached: AttachedRequest | undefined
  /** A redirect has left the origins: nothing of ours is sent from then on, not even back there. */
  #strayed = false
  #bringsOwn = false

  /** @throws OriginError when the URL may not have a token and requests without one are refused */
  constructor(attachments: Attachments<Agent>, target: Target) {
    this.#attachments = attachments
    this.#attachment = attachments.find(target)
  }

  /** What serves the request where it is now; `undefined` where nothing of ours is sent. */
  get attachment(): Attachment<Agent> | undefined {
    return this.#strayed ? undefined : this.#attachment
  }

  /** Whether the caller has a credential of their own. It is left alone, and its answers are not looked at. */
  get bringsOwn(): boolean {
    return this.#bringsOwn
  }

  /**
   * The headers of one attempt or hop, to be asked for each of them: there may be others every time. They come as a value
   * where nothing has to be waited for. All of those before come off.
   *
   * @throws OriginError as the constructor; what the source throws
   */
  headersFor(sending: Sending, attempt: Attempt): OurHeaders | Promise<OurHeaders> {
    if (attempt === 'redirect') return this.headersOnward(sending)
    if (!this.#goesOn(sending, attempt)) this.#beginAnew(sending)
    this.#bringsOwn ||= bringsOwn(sending)
    const { attachment } = this
    if (attachment === undefined || this.#bringsOwn) return none
    this.#attached?.goesTo(sending)
    return this.#attached === undefined ? this.#ask(attachment, sending) : this.#headersOf(this.#attached, sending)
  }

  /**
   * As {@link headersFor} for a hop of a redirect, for libraries that cannot wait there: the token is at hand, and a proof is
   * made at once.
   */
  headersOnward(sending: Sending): OurHeaders {
    this.#strayed ||= !this.#attachment?.origins.has(sending.url)
    this.#attached?.goesTo(sending)
    this.#bringsOwn ||= sending.has('authorization')
    if (this.#strayed || this.#bringsOwn || this.#attached === undefined) return none
    return this.#headersOf(this.#attached, sending)
  }

  /**
   * Told of every answer, that of a redirect included, before anything else is sent: whether it has to be decided on.
   * What came of a request sent again says what the API's refusals are worth, and any answer may bring the nonce of the next
   * proof.
   */
  concerns(answer: Answer): boolean {
    if (this.#bringsOwn || this.#attached === undefined) return false
    return this.#attached.concerns(answer.status, this.#attached.isProven ? answer.header('dpop-nonce') : undefined)
  }

  /**
   * Decides on an answer: whether the request is sent once more, as a `replay`.
   *
   * @param repeatable whether the request can be sent again; if not, the token is still renewed for the next one
   * @throws what the source throws when no new token can be had
   */
  async decide(answer: Refused, repeatable: boolean): Promise<boolean> {
    if (this.#attached === undefined || !this.concerns(answer)) return false
    const wwwAuthenticate = answer.header('www-authenticate')
    const dpopNonce = answer.header('dpop-nonce')
    const seen = { status: answer.status, wwwAuthenticate, dpopNonce, body: () => answer.body() }
    const again = await this.#attached.replay(seen, repeatable)
    // an answer is decided on once, however many ask
    if (again === undefined) this.#attached = undefined
    return again !== undefined
  }

  #goesOn({ url }: Sending, attempt: Attempt): boolean {
    if (attempt === 'first') return true
    return attempt === 'replay' && this.#attachment?.origins.has(url) === true
  }

  #beginAnew(sending: Sending): void {
    if (this.#strayed) return
    this.#attached = undefined
    this.#attachment = this.#attachments.find(sending)
  }

  #ask({ origins, sourceFor }: Attachment<Agent>, sending: Sending): OurHeaders | Promise<OurHeaders> {
    const source = sourceFor(sending)
    this.#attached = source instanceof Promise ? undefined : attachHeld(source, origins, sending)
    return this.#attached ? this.#headersOf(this.#attached, sending) : this.#await(source, origins, sending)
  }

  async #await(source: TokenSource | Promise<TokenSource>, origins: Origins, sending: Sending): Promise<OurHeaders> {
    this.#attached = await attachAwaited(await source, origins, sending)
    return this.#headersOf(this.#attached, sending)
  }

  #headersOf({ headers }: AttachedRequest, sending: Sending): OurHeaders {
    const isKept = sending.mayBeKept && !sending.has('cache-control')
    const ours: Record<string, string> = isKept ? Object.assign({}, uncachedRequest, headers) : headers
    // made anew each time they are asked for, so that they are ours to change
    for (const name in ours) if (sending.has(name)) delete ours[name]
    return ours
  }
}

/**
 * The source a request would get its token from if it were sent as it is now: for what has to know before, such as a
 * cache that makes a key. Nothing is refused here.
 */
export function attachmentFor<Agent>(
  attachments: Attachments<Agent>,
  sending: Pick<Sending, 'url' | 'isSocket' | 'has'>,
): Attachment<Agent> | undefined {
  if (sending.isSocket || bringsOwn(sending)) return undefined
  for (const one of attachments) if (one.origins.has(sending.url)) return one
  return undefined
}

/**
 * Whether headers written as an object have one, by its name in small letters, however it is spelt there: for a
 * {@link Sending}. A member that is `undefined` is no header; other values are not looked at.
 */
export function hasHeader(headers: object | undefined, name: string): boolean {
  for (const spelt in headers)
    if (spelt.length === name.length && spelt.toLowerCase() === name)
      if ((headers as Readonly<Record<string, unknown>>)[spelt] !== undefined) return true
  return false
}

/** Whether the caller has a credential of their own on it, where nothing is added. */
function bringsOwn(sending: Pick<Sending, 'url' | 'has'>): boolean {
  return sending.has('authorization') || hasUserInformation(sending.url)
}
