/** The contract every caller knows, and nothing else: a token set on request. */
import type { Client } from './client.js'
import { systemClock } from './clock.js'
import { checkBoolean, checkOptions, checkText, optionError, refusePromise } from './options.js'
import type { TokenSet } from './token-set.js'

/** How one caller asks for a token set. */
export interface GetTokenSetOptions {
  /** Detaches this caller when it aborts; the request others wait for goes on. */
  readonly signal?: AbortSignal | undefined
  /** Asks for a new token set although the held one would serve. Default `false`. */
  readonly force?: boolean | undefined
  /**
   * An access token an API rejected: replaced if it is still the one held, otherwise the held one is returned. It serves
   * nobody any more; with `force` it does, until there is a new one.
   */
  readonly rejected?: string | undefined
}

/**
 * Refuses what plain JavaScript may have given by mistake, such as a signal in place of the options.
 *
 * @throws TypeError naming the option
 */
export function checkGetTokenSetOptions(options: GetTokenSetOptions): void {
  if (options instanceof AbortSignal) throw optionError('getTokenSet()', 'takes an object: getTokenSet({ signal })')
  checkOptions('getTokenSet', options, ['signal', 'force', 'rejected'])
  const { signal, force, rejected } = options
  if (signal !== undefined && typeof Object(signal).throwIfAborted !== 'function')
    throw optionError('signal', 'must be an AbortSignal')
  if (force !== undefined) checkBoolean('force', force)
  if (rejected !== undefined) checkText('rejected', rejected)
}

/** Yields token sets on request: the contract between whoever holds tokens and whoever sends them. */
export interface TokenSource {
  /** A token set that is valid now. */
  getTokenSet(options?: GetTokenSetOptions): Promise<TokenSet>
  /** The client the tokens belong to: where its provider's rules for API calls are read from. */
  readonly client?: Client | undefined
  /** The origins the token may be sent to, where the source names them. */
  readonly origins?: readonly string[] | undefined
  /** The user whose tokens they are, where they are one's: whoever an API wants to log in again (RFC 9470). */
  readonly subject?: string | undefined
  /**
   * Tells its tokens from those of every other source, in each process alike: what is exchanged for them is kept by it
   * (RFC 8693). Default: it is told from others in this process alone.
   */
  identity?(): string
}

/** A member of the function, since a map of functions would have to be kept for the views of every request. */
const held = Symbol('held')

/** What tells without a promise what a source would yield. */
interface Holder {
  /** The token set that a call would yield now, where nothing has to be decided, told or waited for. */
  held(): TokenSet | undefined
}

interface Held {
  /** The function itself: a proxy of it has this member too, and is another one. */
  readonly of: TokenSource['getTokenSet']
  readonly holder: Holder
}

type GetTokenSet = TokenSource['getTokenSet'] & { [held]?: Held }

/**
 * Tells how to have what a function yields without a promise. It is known of that very function: a source that was wrapped
 * or patched has another one, which is called.
 */
export function tellHeld(getTokenSet: GetTokenSet, holder: Holder): void {
  getTokenSet[held] = { of: getTokenSet, holder }
}

/** The token set that a source would yield at once; `undefined` where it has to be asked, if only to be refused. */
export function heldTokenSet({ getTokenSet }: TokenSource, signal: AbortSignal | undefined): TokenSet | undefined {
  const known = (getTokenSet as GetTokenSet)[held]
  if (known?.of !== getTokenSet || (signal && !isUnaborted(signal))) return undefined
  return known.holder.held()
}

/** What is no signal is for the source to refuse. */
function isUnaborted(signal: AbortSignal): boolean {
  return signal.aborted === false && typeof signal.throwIfAborted === 'function'
}

/** Now, by the clock of the client that a source's tokens belong to; the system's where it names none. */
export function nowOf({ client }: Pick<TokenSource, 'client'>): number {
  return (client?.clock ?? systemClock).now()
}

/**
 * Refuses what is no token source, and says what it is instead. A function that chooses one for each request passes, an
 * HTTP client does not, though axios and got are functions too.
 *
 * @param order the call as it is meant, such as `attachTokenSource(instance, source, options)`
 * @param option what it is called there
 */
export function checkSource(source: unknown, order: string, option = 'source'): void {
  refusePromise(option, source)
  if (isHttpClient(source)) throw optionError(option, `is an HTTP client; the order is ${order}`)
  if (typeof source !== 'function' && !isTokenSource(source))
    throw optionError(option, `must be a token source, or a function that returns one; ${mistakenFor(source, order)}`)
}

/** Refuses a token source that stands where `option` belongs: the arguments were swapped. */
export function refuseSource(option: string, value: unknown, order: string): void {
  refusePromise(option, value)
  if (isTokenSource(value)) throw optionError(option, `is a token source; the order is ${order}`)
}

function isTokenSource(value: unknown): value is TokenSource {
  return typeof (value as Partial<TokenSource> | null | undefined)?.getTokenSet === 'function'
}

/** By what axios, got and undici's dispatchers have, and no function of a user's. */
function isHttpClient(value: unknown): boolean {
  const { interceptors, extend, mergeOptions, dispatch, compose } = Object(value)
  return Boolean(interceptors) || [extend ?? mergeOptions, dispatch ?? compose].some(one => typeof one === 'function')
}

function mistakenFor(source: unknown, order: string): string {
  const { for: forSubject, transport, accessToken } = Object(source)
  if (typeof forSubject === 'function') return 'this is for many users: give a function that returns users.for(subject)'
  if (typeof transport === 'function') return 'this is a client: createTokenSource({ client, grant }) makes one of it'
  if (accessToken !== undefined) return 'this is one token, which nobody could renew'
  return `the order is ${order}`
}
