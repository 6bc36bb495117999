/**
 * Renews a user's token by the refresh token, which may be good for one use. It is sent under a lease, after its mark is in
 * the store, and the answer is handed out once it is in the store too. The steps have the names of `record.ts`; the model
 * in `test/lifecycle/model/` goes through every order they can happen in.
 */
import type { Client } from '../client.js'
import { TokenStoreError } from '../errors.js'
import type { RenewalReason } from '../events.js'
import { refreshToken } from '../grants/refresh-token.js'
import { rescuedFrom } from '../rescue.js'
import type { TokenSet } from '../token-set.js'
import { type Attempt, othersAreServed, refuseWhileResting } from './cooldown.js'
import { type Entry, inTurn, type Known, type Lineage, learn } from './held.js'
import { changeOf, type Lease, leaseOf } from './lease.js'
import { changeAfter, endBy, failedBy, outcomeOf } from './outcome.js'
import {
  answered,
  type Decision,
  decide,
  type EndReason,
  ended,
  isMissing,
  type LineageRecord,
  marked,
  markOf,
  rescued,
  unsent,
} from './record.js'
import { type Ask, heldBy, type Renew } from './renewal.js'
import { keepsChanging, read, save, write } from './stored.js'
import { attemptFor, requestToken } from './token-request.js'
import { loginRequired, missing, restingError, tellIfStoreFailed, tellOfNarrowing, tellOfUnsaved } from './told.js'

/** How much longer than a request a lease holds: for a signature and a write or two between taking it and sending. */
const leaseMarginMs = 5_000
/** How long an answer is offered to a store that fails while its caller waits; afterwards by a timer. */
const patienceMs = 10_000

/** Somebody else has the last word now and then, not every time. */
const mostSent = 20

/** One user's refresh token is sent by one at a time; only the user can replace a dead one. */
export function byRefreshToken(client: Client, scope: string | undefined, subject: string): Renew {
  const resends = client.provider.conform.refreshTokenResends ?? Number.POSITIVE_INFINITY
  const now = () => client.clock.now()

  async function renew(entry: Entry, { reason, serves, servedUntil, checkOpen }: Ask): Promise<TokenSet> {
    const { lineage } = entry
    const wanted = (leased: boolean) => ({ entry: entry.key, serves, now: now(), leased, resends, servedUntil })
    // for a login that is missing nobody has to wait
    const isFresh = performance.now() - lineage.knownAt < lineage.copyMs
    if (lineage.known !== undefined && isFresh) throwIfFinal(lineage, decide(lineage.known.record, wanted(false)))
    const leaseMs = Math.ceil(client.timeoutMs) + leaseMarginMs
    const lease = leaseOf(lineage, leaseMs, 2 * leaseMs)
    let isAsked = false
    try {
      for (let sent = 0; sent < mostSent; ) {
        await lease.takeOrWait()
        const known = await read(lineage, now)
        // a lease that ran out while the store answered is nothing to decide by
        const decision = decide(known.record, wanted(lease.outlasts(0)))
        throwIfFinal(lineage, decision)
        if (decision.step === 'serve') return heldBy(entry, known, decision.token)
        if (decision.step === 'ask') {
          if (!lineage.isToldOfChanges || isAsked) throw missing()
          isAsked = true
          await lease.release()
          await changeOf(lineage, 1_000)
          continue
        }
        if (decision.step !== 'send') {
          checkOpen()
          continue
        }
        sent++
        const tokenSet = await send(entry, known, decision.refreshToken, reason, lease)
        if (tokenSet !== undefined) return tokenSet
      }
      throw keepsChanging('compareAndSet')
    } finally {
      // nobody is to decide by a record that lacks what is known here
      await lease.release(() => lineage.unsaved === undefined)
    }
  }

  function throwIfFinal(lineage: Lineage, decision: Decision): void {
    if (decision.step === 'rest') throw restingError(client, decision.mark, decision.until - now())
    if (decision.step === 'log_in') throw loginRequired(client, lineage, subject, decision.reason)
  }

  /** Sends it once; `undefined` when somebody else has the last word, so that all has to be decided again. */
  async function send(
    entry: Entry,
    known: Known,
    spent: string,
    reason: RenewalReason,
    lease: Lease,
  ): Promise<TokenSet | undefined> {
    const { lineage } = entry
    const grant = refreshToken({ refreshToken: spent, scope })
    const attempt = attemptFor(client, entry, grant)
    await refuseWhileResting(attempt)
    if (!(await lease.check())) return undefined
    const mark = await writeMark(lineage, known, lease.holder)
    if (mark === undefined) return undefined
    const before = known.record.accessTokens[entry.key] ?? (reason === 'rejected' ? lineage.rejected : undefined)
    let hasLeft = false
    const beforeSending = async () => {
      await outlasting(lease, client.timeoutMs)
      hasLeft = true
    }
    let answer: TokenSet
    try {
      answer = await requestToken(client, entry, grant, reason, { beforeSending })
    } catch (error) {
      return afterFailure(error, { lineage, known, mark, attempt, spent, hasLeft })
    }
    const change = (record: LineageRecord) => answered(record, entry.key, answer)
    const isSaved = await saveAnswer(lineage, mark, change).catch(error => holdUnsaved(lineage, mark, change, error))
    if (isSaved) tellOfNarrowing(client, { subject, before, answer, asked: scope })
    return isSaved && entry.copy?.token.accessToken === answer.accessToken ? entry.copy.tokenSet : undefined
  }

  /** Step `save`, of what the server has handed out: over the mark, or over what a fail-over left of the record before it. */
  function saveAnswer(lineage: Lineage, mark: Known, change: (record: LineageRecord) => LineageRecord) {
    const isMark = isStill(mark)
    // a fail-over may have taken the mark and more
    const isWhatIsLeft = ({ version, record }: Known) =>
      version === undefined || isMissing(record) || lineage.ancestors.includes(version)
    const changeMark = (record: LineageRecord) => change(isMark({ record }) ? record : mark.record)
    return save(lineage, changeMark, current => isMark(current) || isWhatIsLeft(current), { now, patienceMs })
  }

  /** The store refuses the answer for good: it is kept here, for as long as the process lives, and served from here. */
  function holdUnsaved(
    lineage: Lineage,
    mark: Known,
    change: (record: LineageRecord) => LineageRecord,
    error: Partial<TokenStoreError>,
  ): true {
    if (error.retryable !== false) throw error
    learn(lineage, { version: mark.version, record: change(mark.record) }, now())
    tellIfStoreFailed(client, error)
    tellOfUnsaved(client, subject)
    return true
  }

  /** Steps `rescued`, `end`, `unsent`, `nothing_done` and `unknown`; returns when all has to be decided again. */
  async function afterFailure(
    error: unknown,
    { lineage, known, mark, attempt, spent, hasLeft }: Sent,
  ): Promise<undefined> {
    const before = markOf(known.record, spent)
    const servesOthers = before !== undefined && othersAreServed(attempt, before.at)
    const circumstances = { before, now: now(), servesOthers }
    const outcome = outcomeOf(error, hasLeft)
    const failed = failedBy(outcome, error, circumstances)
    const brought = rescuedFrom(error)
    if (brought !== undefined && brought.refreshToken !== spent) {
      await saveAnswer(lineage, mark, record => rescued(record, brought, failed))
      throw error
    }
    const end = endBy(outcome, failed, circumstances)
    if (end !== undefined) return endSession(lineage, mark, end, error)
    const change = changeAfter(outcome, failed, known.record)
    await save(lineage, change, isStill(mark), { now, patienceMs: 0 }).catch(() => {})
    if (error instanceof LeaseLost) return undefined
    throw error
  }

  /** Step `mark`; `undefined` when somebody else has written. One that fails may be there all the same: it is taken back. */
  async function writeMark(lineage: Lineage, known: Known, holder: string): Promise<Known | undefined> {
    const record = marked(known.record, holder, now())
    try {
      return await write(lineage, known, record, now)
    } catch (error) {
      const takeBack = (record: LineageRecord) => unsent(record, known.record)
      await save(lineage, takeBack, isStill({ record }), { now, patienceMs: 0 }).catch(() => {})
      throw error
    }
  }

  /** Step `end`: the refusal counts if the mark is still there; otherwise it was about a token that is used up. */
  async function endSession(lineage: Lineage, mark: Known, reason: EndReason, cause: unknown): Promise<undefined> {
    await read(lineage, now)
    if (await save(lineage, record => ended(record, reason), isStill(mark), { now, patienceMs: 0 }))
      throw loginRequired(client, lineage, subject, reason, cause)
    return undefined
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

/** A request that was sent, or was about to be. */
interface Sent {
  readonly lineage: Lineage
  readonly known: Known
  readonly mark: Known
  readonly attempt: Attempt
  /** The refresh token in it. */
  readonly spent: string
  readonly hasLeft: boolean
}

/** Whether a mark is the last word about its refresh token; what else is in the record may have changed. */
function isStill({ record: { sending } }: Pick<Known, 'record'>): (current: Pick<Known, 'record'>) => boolean {
  const members = ['holder', 'at', 'sends', 'restUntil'] as const
  return ({ record }) => members.every(member => record.sending?.[member] === sending?.[member])
}

/** A request is let go only while the lease surely outlasts it. */
async function outlasting(lease: Lease, timeoutMs: number): Promise<void> {
  if (!lease.outlasts(timeoutMs)) await lease.check()
  if (!lease.outlasts(timeoutMs)) throw new LeaseLost('lost before sending', { operation: 'lease', neverSent: true })
}

/** This process was held up, and somebody else may be sending: all is decided again. */
class LeaseLost extends TokenStoreError {}
