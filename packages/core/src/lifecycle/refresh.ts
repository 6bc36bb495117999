/**
 * Renews a user's token by the refresh token, which may be good for one use. It is sent under a lease, after its mark is in
 * the store, and the answer is handed out once it is in the store too. The steps have the names of `record.ts`; the model
 * in `test/lifecycle/model/` goes through every order they can happen in.
 */
import { randomUUID } from 'node:crypto'
import type { Client } from '../client.js'
import { AuthorizationServerError, LoginRequiredError, TokenStoreError, TransportError } from '../errors.js'
import { type LoginReason, notify, type RenewalReason } from '../events.js'
import { refreshToken } from '../grants/refresh-token.js'
import type { TokenSet } from '../token-set.js'
import { firstRestMs, refuseWhileResting } from './cooldown.js'
import { type Entry, inTurn, type Known, type Lineage } from './held.js'
import { type Lease, leaseOf } from './lease.js'
import {
  answered,
  type Decision,
  decide,
  ended,
  type LineageRecord,
  type Mark,
  marked,
  nothingDone,
  unknown,
  unsent,
} from './record.js'
import { type Ask, heldBy, type Renew, tellIfStoreFailed } from './renewal.js'
import { read, save, write } from './stored.js'
import { attemptFor, requestToken } from './token-request.js'

/** How much longer than a request a lease holds: for a signature and a write or two between taking it and sending. */
const leaseMarginMs = 5_000
/** How long an answer is offered to a store that fails while its caller waits; afterwards by a timer. */
const patienceMs = 10_000

/** One user's refresh token is sent by one at a time; only the user can replace a dead one. */
export function byRefreshToken(client: Client, scope: string | undefined, subject: string): Renew {
  const resends = client.provider.conform.refreshTokenResends ?? 1
  const now = () => client.clock.now()

  async function renew(entry: Entry, { reason, serves }: Ask): Promise<TokenSet> {
    const { lineage } = entry
    const settled = (known: Known): TokenSet | Sendable => {
      const decision = decide(known.record, { entry: entry.key, serves, now: now(), resends })
      return conclude(entry, known, decision)
    }
    // without a refresh token there is nothing to take a lease for
    if (lineage.known !== undefined) settled(lineage.known)
    const lease = leaseOf(lineage, client.timeoutMs + leaseMarginMs)
    try {
      for (;;) {
        const mine = await lease.take()
        const known = await read(lineage, now)
        const next = settled(known)
        if (!('send' in next)) return next
        if (mine) await send(entry, known, next.send, reason, lease)
        else await lease.change()
      }
    } finally {
      await lease.release()
    }
  }

  function conclude(entry: Entry, known: Known, decision: Decision): TokenSet | Sendable {
    if (decision.step === 'serve') return heldBy(entry, known, decision.token)
    if (decision.step === 'rest') throw restingError(client, decision.mark, decision.until - now())
    if (decision.step === 'log_in') throw loginRequired(client, entry.lineage, subject, decision.reason)
    return { send: decision.refreshToken }
  }

  /** Sends it once. What comes of it is in the record afterwards, where the next decision finds it. */
  async function send(entry: Entry, known: Known, spent: string, reason: RenewalReason, lease: Lease): Promise<void> {
    const { lineage } = entry
    const grant = refreshToken({ refreshToken: spent, scope })
    await refuseWhileResting(attemptFor(client, entry, grant))
    if (!(await lease.check())) return
    const mark = await writeMark(lineage, known, lease.holder)
    if (mark === undefined) return
    const sending = whileLeased(client, lease)
    let answer: TokenSet
    try {
      answer = await requestToken(sending.client, entry, grant, reason)
    } catch (error) {
      const outcome = outcomeOf(error, sending.hasLeft())
      if (outcome === 'dead') return endSession(lineage, mark, error)
      const record = recordAfter(outcome, error, mark.record, known.record)
      await save(lineage, record, ({ version }) => version === mark.version, { now, patienceMs: 0 }).catch(() => {})
      if (error instanceof LeaseLost) return
      throw error
    }
    // a fail-over may have taken the mark, or all; a later word is somebody else's
    const mayReplace = ({ version }: Known) => [undefined, known.version, mark.version].includes(version)
    await save(lineage, answered(mark.record, entry.key, answer), mayReplace, { now, patienceMs })
  }

  /** Step `mark`; `undefined` when somebody else has written. One that fails may be there all the same: it is taken back. */
  async function writeMark(lineage: Lineage, known: Known, holder: string): Promise<Known | undefined> {
    const version = randomUUID()
    try {
      return await write(lineage, known, marked(known.record, holder, now()), now, version)
    } catch (error) {
      const isMark = (current: Known) => current.version === version
      await save(lineage, known.record, isMark, { now, patienceMs: 0 }).catch(() => {})
      throw error
    }
  }

  /** Step `end`: `invalid_grant` counts if nobody has written since; otherwise it was about a token that is used up. */
  async function endSession(lineage: Lineage, mark: Known, cause: unknown): Promise<void> {
    const { version } = await read(lineage, now)
    if (version !== mark.version || (await write(lineage, mark, ended(mark.record), now)) === undefined) return
    throw loginRequired(client, lineage, subject, 'invalid_grant', cause)
  }

  function recordAfter(outcome: Outcome, error: unknown, record: LineageRecord, before: LineageRecord): LineageRecord {
    const { status, error: code, retryAfterMs = firstRestMs } = error as Partial<AuthorizationServerError>
    const failure = { status, error: typeof code === 'string' ? code : undefined }
    if (outcome === 'unsent') return unsent(record, before)
    if (outcome === 'unknown') return unknown(record, failure, now() + retryAfterMs)
    return nothingDone(record, failure, outcome === 'later' ? now() + retryAfterMs : undefined)
  }

  return async (entry, ask) => {
    try {
      return await inTurn(entry.lineage, () => renew(entry, ask))
    } catch (error) {
      tellIfStoreFailed(client, error)
      throw error
    }
  }
}

interface Sendable {
  readonly send: string
}

/** The client, with a transport that lets go of a request only while the lease surely outlasts it. */
function whileLeased(client: Client, lease: Lease) {
  let left = false
  const transport: Client['transport'] = async request => {
    if (!lease.outlasts(client.timeoutMs)) await lease.check()
    if (!lease.outlasts(client.timeoutMs)) throw new LeaseLost('lost before sending', { operation: 'lease' })
    left = true
    return client.transport(request)
  }
  return { client: { ...client, transport }, hasLeft: () => left }
}

/** This process was held up, and somebody else may be sending: all is decided again. */
class LeaseLost extends TokenStoreError {}

/** What a request that failed has done to the refresh token. */
type Outcome =
  /** It never left. */
  | 'unsent'
  /** The server has not touched it, and wants time. */
  | 'later'
  /** The server has not touched it: something else is wrong. */
  | 'refused'
  /** `invalid_grant`. */
  | 'dead'
  /** Nobody knows. */
  | 'unknown'

function outcomeOf(error: unknown, hasLeft: boolean): Outcome {
  if (!hasLeft) return 'unsent'
  const { code, kind, status = 0, neverSent } = error as Partial<AuthorizationServerError & TransportError>
  if (neverSent) return 'unsent'
  if (code !== 'ERR_SERVER_REFUSED') return 'unknown'
  if (kind === 'invalid_grant') return 'dead'
  if (status === 429 || status === 503) return 'later'
  if (status >= 500 || status < 400) return 'unknown'
  return kind === 'transient' ? 'later' : 'refused'
}

/** For those who come while it rests by the word of another process: as near to the error that began it as is known. */
function restingError({ provider: { name } }: Client, { failure }: Mark, retryAfterMs: number): Error {
  const options = { provider: name, retryAfterMs }
  if (failure?.status !== undefined)
    return new AuthorizationServerError({ ...options, status: failure.status, error: failure.error, kind: 'transient' })
  const message = 'The answer to the last refresh was lost; the next one waits for the cool-down'
  return new TransportError('ERR_TRANSPORT', message, { ...options, neverSent: false })
}

const problems: Readonly<Record<LoginReason, string>> = {
  no_refresh_token: 'there is no refresh token',
  refresh_token_expired: 'the refresh token has expired',
  invalid_grant: 'the refresh token is dead',
  unknown_outcome: 'the refresh token was sent and its answer was lost, and it may not be sent again',
  forgotten: 'the tokens were forgotten',
}

/** Tells the listener when the session ends, and makes the error for everybody who asks from then on. */
function loginRequired(client: Client, lineage: Lineage, subject: string, reason: LoginReason, cause?: unknown) {
  const { provider, clock, onEvent } = client
  const end = `${lineage.known?.version} ${reason}`
  const isLoss = reason !== 'no_refresh_token' && reason !== 'forgotten'
  if (isLoss && lineage.told.login !== end) {
    lineage.told.login = end
    notify(onEvent, {
      type: 'login_required',
      level: 'error',
      at: clock.now(),
      provider: provider.name,
      subject,
      reason,
    })
  }
  const message = `The user must log in: ${problems[reason]}`
  return new LoginRequiredError(message, { provider: provider.name, subject, cause })
}
