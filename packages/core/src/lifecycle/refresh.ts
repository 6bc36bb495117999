/**
 * Renews a user's token by the refresh token, which may be good for one use: does the steps of `protocol.ts`, where their
 * order and their reasons are.
 */
import type { AtOnce } from '../at-once.js'
import type { Client } from '../client.js'
import type { TokenStoreError } from '../errors.js'
import { validateRefreshed } from '../front-channel/id-token.js'
import type { Grant } from '../grants/grant.js'
import { refreshToken } from '../grants/refresh-token.js'
import { knowsDpop } from '../metadata.js'
import { prepareToRead } from '../signed-jwt.js'
import type { IdTokenClaims, TokenSet } from '../token-set.js'
import { othersAreServed, refuseWhileResting } from './cooldown.js'
import { type Decision, decide } from './decision.js'
import { type Lease, leaseOf } from './lease.js'
import type { Entry, Lineage } from './lineage.js'
import {
  loginRequired,
  missing,
  restingError,
  tellIfStoreFailed,
  tellOfLease,
  tellOfNarrowing,
  tellOfUnsaved,
} from './notices.js'
import { type Change, type Results, refreshing, type Sent, type Step, type Steps, type Verdict } from './protocol.js'
import { emptyRecord, type KeptToken } from './record.js'
import { type Ask, type Renew, sharedTokenSet } from './renewal.js'
import { keepsChanging, StoredLineage } from './stored.js'
import { attemptFor, requestToken } from './token-request.js'
import { nothing } from './version.js'

/** How much longer than a request a lease lasts: for a signature and some calls of the store before it is sent. */
const leaseMarginMs = 5_000
/** How long an answer is offered to a store that fails while its caller waits; afterwards by a timer. */
const patienceMs = 10_000
/** How long those who may have a lost record are given to put it back. */
const objectionMs = 1_000

/** What is asked for with a refresh token; what is not named stays as it was granted. */
export interface Asked {
  readonly scope?: string | undefined
  readonly resource?: readonly string[] | undefined
}

/** One user's refresh token is sent by one at a time; only the user can replace a dead one. */
export function byRefreshToken(client: Client, { scope, resource }: Asked, subject: string): Renew {
  const resends = client.provider.conform.refreshTokenResends ?? Number.POSITIVE_INFINITY
  const leaseMs = Math.ceil(client.timeoutMs) + leaseMarginMs
  const now = () => client.clock.now()
  const mayProve = (jkt: string) => holdsKey(client, jkt)

  async function renew(entry: Entry, { reason, checkOpen, named, ...wanted }: Ask): Promise<TokenSet> {
    const { lineage } = entry
    // what a login named is named again: a server may refuse a refresh without it, or end the session (RFC 8707 §2.2)
    const grantOf = (token: string) =>
      refreshToken({ refreshToken: token, scope, resource: resource ?? lineage.known?.record.resource })
    const lease = leaseOf(lineage, leaseMs, 2 * leaseMs)
    const attemptOf = (token: string) => attemptFor(client, entry, grantOf(token))
    let before: KeptToken | undefined
    let requestId: string | undefined
    const nameOf = (name: string) => {
      requestId = name
      named?.(name)
    }

    async function send(token: string, beforeSending: () => Promise<void>): Promise<Sent> {
      before = lineage.known?.record.accessTokens[entry.key] ?? (reason === 'rejected' ? lineage.rejected : undefined)
      let hasLeft = false
      const goAhead = async () => {
        await beforeSending()
        hasLeft = true
      }
      try {
        const options = { beforeSending: goAhead, named: nameOf }
        const grant = ofLogin(grantOf(token), lineage.known?.record.idTokenClaims)
        return { answer: await requestToken(client, entry, grant, reason, options) }
      } catch (error) {
        return { error, hasLeft }
      }
    }

    const does: Does = {
      ...underLease(lineage, lease, client),
      ...inStore(lineage, () => requestId),
      cool_down: ({ refreshToken: token }) => refuseWhileResting(attemptOf(token)),
      send: ({ refreshToken: token, beforeSending }) => send(token, () => run(beforeSending(), does)),
    }
    const refresh = {
      ...wanted,
      entry: entry.key,
      resends,
      mayProve,
      lacksProof: lacksProof(client),
      holder: lease.holder,
      now,
      checkOpen,
    }
    throwIfKnown(lineage, decide(lineage.known?.record ?? emptyRecord, { ...refresh, now: now(), leased: false }))
    const conclude = (verdict: Verdict) => {
      if (verdict.step === 'answered')
        tellOfNarrowing(client, { subject, requestId, before, answer: verdict.answer, asked: scope })
      return tokenOf(entry, verdict, requestId)
    }
    const protocol = refreshing(
      {
        ...refresh,
        isToldOfChanges: lineage.place.isToldOfChanges,
        servesOthers: (token, since) => othersAreServed(attemptOf(token), since),
        isEarlier: ({ version }) => lineage.hasReplaced(version),
        isHeld: answer => entry.copy?.token.accessToken === answer.accessToken,
      },
      conclude,
    )
    return run(protocol, does).finally(() => tellOfLease(client, lease, subject))
  }

  /** Where a record that was read a moment ago says that there will be no token, nobody has to wait for a lease. */
  function throwIfKnown(lineage: Lineage, decision: Decision): void {
    if (!lineage.isFresh) return
    if (decision.step === 'rest' || decision.step === 'log_in') throw errorOf(lineage, decision, undefined)
  }

  function tokenOf(entry: Entry, verdict: Verdict, requestId: string | undefined): TokenSet {
    if (verdict.step === 'serve') return sharedTokenSet(entry, verdict.known, verdict.token)
    if (verdict.step === 'answered') return entry.copy?.tokenSet ?? verdict.answer
    throw errorOf(entry.lineage, verdict, requestId)
  }

  function errorOf(
    lineage: Lineage,
    verdict: Exclude<Verdict, { step: 'serve' | 'answered' }>,
    requestId: string | undefined,
  ): Error {
    if (verdict.step === 'rest') return restingError(client, verdict.mark, verdict.until - now())
    if (verdict.step === 'log_in') return loginRequired(client, lineage, subject, { ...verdict, requestId })
    return verdict.step === 'ask' ? missing() : keepsChanging('compareAndSet')
  }

  /** The steps that read and write the record. */
  function inStore(lineage: Lineage, requestId: () => string | undefined) {
    const stored = new StoredLineage(lineage, client.clock)
    const saving = ({ change, mayReplace }: Change, patience: number) => stored.save(change, mayReplace, patience)
    return {
      re_read: () => stored.read(),
      mark: async ({ over, record }) => (await stored.write(over, record)) !== undefined,
      save: step => saving(step, patienceMs).catch(error => keepUnsaved(stored, lineage, step, error, requestId())),
      note: step => saving(step, 0).catch(() => {}),
      end: step => saving(step, 0),
    } satisfies Partial<Does>
  }

  /** A store that can never take the answer: it is served from this process, for as long as that lives. */
  function keepUnsaved(
    stored: StoredLineage,
    lineage: Lineage,
    { change }: Change,
    error: Partial<TokenStoreError>,
    requestId: string | undefined,
  ): true {
    if (error.retryable !== false) throw error
    const { version, record } = lineage.known ?? nothing
    stored.learn({ version, record: change(record) })
    tellIfStoreFailed(client, error)
    tellOfUnsaved(client, subject, requestId)
    return true
  }

  return async (entry, ask) => {
    try {
      return await entry.lineage.underWay.inTurn(() => renew(entry, ask))
    } catch (error) {
      tellIfStoreFailed(client, error)
      throw error
    }
  }
}

/** With a look at the ID token of the answer, where that of the login was checked; others say nothing that anybody relies on. */
function ofLogin(grant: Grant, login: IdTokenClaims | undefined): Grant {
  if (login === undefined) return grant
  return {
    ...grant,
    async parameters(context) {
      await prepareToRead(context.client, 'id_token')
      return grant.parameters(context)
    },
    validate: (tokenSet, { client }) => validateRefreshed(tokenSet, client, login),
  }
}

/**
 * Whether a client may send a refresh token that came with a proof by this key. That of a public client is bound to it; others
 * have their credentials for that, and need no more than a proof, since without one a server may end the session.
 *
 * @see RFC 9449 §5
 */
function holdsKey({ dpop, auth }: Client, jkt: string): boolean {
  return dpop !== undefined && (auth.method !== 'none' || dpop.thumbprint === jkt)
}

/**
 * Whether a server that knows of DPoP is asked without a key: it may refuse for that, in the words for a dead refresh token.
 *
 * @see RFC 9449 §5.1
 */
export function lacksProof({ dpop, provider, metadata }: Client): boolean {
  return dpop === undefined && knowsDpop(provider.metadata) && metadata.dpop_bound_access_tokens !== false
}

/** How each step is done. */
type Does = { readonly [S in Step['step']]: (step: Extract<Step, { step: S }>) => AtOnce<Results[S]> }

/** The steps that are about the lease. */
function underLease(lineage: Lineage, lease: Lease, { timeoutMs }: Client) {
  return {
    lease: () => lease.takeOrWait(),
    still_leased: () => lease.outlasts(0),
    check_lease: () => lease.check(),
    outlasts: () => lease.outlasts(timeoutMs),
    release: () => lease.release(() => lineage.unsaved === undefined),
    wait_for_change: () => lineage.underWay.changeWithin(objectionMs),
  } satisfies Partial<Does>
}

/** Does steps, one after the other. */
async function run<T>(steps: Steps<T>, does: Does): Promise<T> {
  let next = steps.next()
  while (!next.done) {
    const goOn = await perform(next.value, does).then(
      result => () => steps.next(result),
      error => () => steps.throw(error),
    )
    next = goOn()
  }
  return next.value
}

async function perform<S extends Step>(step: S, does: Does): Promise<Results[S['step']]> {
  return (does[step.step] as (step: S) => Results[S['step']])(step)
}
