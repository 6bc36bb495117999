/**
 * Refusals that give no reason, such as a 401 without a challenge: the token may be dead, or the API says so for reasons of
 * its own. What they are worth is found out once for each origin. One token request is risked on it, whoever asks; when
 * the new token is refused alike, nothing there is renewed for some minutes.
 */
import { isGrantKitError, type LoginRequiredError } from './errors.js'
import { originOf } from './origins.js'
import { identityOf, sha256 } from './secret.js'
import { whenAborted } from './signal.js'
import { lineageKey } from './token-key.js'
import type { TokenSet } from './token-set.js'
import { nowOf, type TokenSource } from './token-source.js'

/** A token that was refused without a reason. */
export interface Doubted {
  readonly source: TokenSource
  readonly token: string
  readonly url: string | URL
  readonly signal: AbortSignal | undefined
}

/** What is known of an origin's unexplained refusals; instants by the client's clock. */
interface Standing {
  /** Whether a new token helped the last time. */
  proven: boolean
  /** A new token helped a moment ago: it is believed of every token. */
  believedUntil: number
  /** Nothing is renewed. */
  doubtedUntil: number
  /** The renewal whose outcome will tell. */
  trial: Trial | undefined
}

interface Trial {
  /** Of the token that is replaced. */
  readonly hash: string
  /** Called once it is known whether the new one is taken. No promise, which would keep the context it was made in. */
  readonly waiting: Set<(helped: boolean) => void>
  /** By `performance.now()`; an answer may never come. */
  readonly awaitedUntil: number
}

const believedForMs = 60_000
const doubtedForMs = 300_000
/** After a token request that failed, which says nothing of the API. */
const doubtedAfterFailureForMs = 30_000
const awaitedForMs = 10_000

/**
 * A token set to try in place of one that was refused without a reason, or `undefined` where that is not worth a token
 * request. Whoever has a token that was replaced meanwhile gets the one that is held.
 *
 * @throws the signal's reason; LoginRequiredError when the server ended the session; what keeps a new token from being had,
 *   where it is known that one would help
 */
export async function replacementFor(doubted: Doubted): Promise<TokenSet | undefined> {
  const { source, token, signal } = doubted
  const standing = standingOf(doubted)
  try {
    const held = await source.getTokenSet({ signal })
    if (held.accessToken !== token) return held
    if (!(await isWorthIt(doubted, standing))) return undefined
    // it serves others until there is another: maybe nothing is wrong with it
    const renewed = await source.getTokenSet({ force: true, rejected: token, signal })
    if (renewed.accessToken !== token) return renewed
    conclude(doubted, false)
  } catch (error) {
    signal?.throwIfAborted()
    giveUp(doubted, standing)
    if (standing.proven || isSessionOver(error)) throw error
  }
  return undefined
}

/** What came of a replacement: whether it was taken, or refused without a reason too. */
export function conclude(doubted: Doubted, helped: boolean): void {
  const standing = standingOf(doubted)
  const now = nowOf(doubted.source)
  standing.proven = helped
  standing.believedUntil = helped ? now + believedForMs : 0
  standing.doubtedUntil = helped ? 0 : now + doubtedForMs
  end(standing, helped)
}

/** The request cannot be sent again, or its answer tells nothing: what the new token is worth will not be known by it. */
export function leaveOpen(doubted: Doubted): void {
  const standing = standingOf(doubted)
  if (standing.trial?.hash === sha256(doubted.token)) end(standing, false)
}

/** Whether a token request may be made; if nobody has found out yet, this one will. */
async function isWorthIt({ source, token, signal }: Doubted, standing: Standing): Promise<boolean> {
  const now = nowOf(source)
  const hash = sha256(token)
  const { trial } = standing
  if (now < standing.believedUntil || trial?.hash === hash) return true
  if (trial !== undefined && performance.now() < trial.awaitedUntil) return outcomeOf(trial, signal)
  if (now < standing.doubtedUntil) return false
  standing.doubtedUntil = now + doubtedForMs
  standing.trial = { hash, waiting: new Set(), awaitedUntil: performance.now() + awaitedForMs }
  return true
}

/** Waits until it is known, or until that is unlikely. */
function outcomeOf({ waiting, awaitedUntil }: Trial, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      waiting.delete(tell)
      stopWaiting?.()
    }
    const tell = (helped: boolean) => {
      stop()
      resolve(helped)
    }
    const abort = () => {
      stop()
      reject(signal?.reason)
    }
    const timer = setTimeout(tell, awaitedUntil - performance.now(), false)
    waiting.add(tell)
    const stopWaiting = signal && whenAborted(signal, abort)
  })
}

/** The token request failed. */
function giveUp({ source, token }: Doubted, standing: Standing): void {
  if (standing.trial?.hash !== sha256(token)) return
  standing.doubtedUntil = nowOf(source) + doubtedAfterFailureForMs
  end(standing, false)
}

function end(standing: Standing, helped: boolean): void {
  const { trial } = standing
  standing.trial = undefined
  for (const tell of trial?.waiting ?? []) tell(helped)
}

/** That there is no refresh token says nothing of the access token. */
function isSessionOver(error: unknown): boolean {
  return (
    isGrantKitError(error) &&
    error.code === 'ERR_LOGIN_REQUIRED' &&
    (error as LoginRequiredError).reason !== 'no_refresh_token'
  )
}

const standings = new Map<string, Standing>()
const mostStandings = 1_000

/** By client, not by user: what an API does, it does to all. Clients made for each request are one. */
function standingOf({ source, url }: Doubted): Standing {
  const { client } = source
  const origin = originOf(url) ?? ''
  const key =
    client === undefined ? `${identityOf(source)} ${origin}` : lineageKey(client, { application: origin }, false)
  let standing = standings.get(key)
  if (standing === undefined) {
    if (standings.size >= mostStandings) dropOldest()
    standing = { proven: false, believedUntil: 0, doubtedUntil: 0, trial: undefined }
    standings.set(key, standing)
  }
  return standing
}

function dropOldest(): void {
  for (const oldest of standings.keys()) {
    standings.delete(oldest)
    return
  }
}
