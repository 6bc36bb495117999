/**
 * What a store keeps of one lineage, and the steps that change it. Pure: the model in `test/lifecycle/model/` walks through
 * these very functions.
 */
import { type AdditionalMembers, additionalMembers, withMembersBefore } from '../additional.js'
import type { LoginReason } from '../errors.js'
import { sha256 } from '../secret.js'
import { TokenSet } from '../token-set.js'
import { restMsAfter } from './health.js'

/**
 * One refresh token, the access tokens obtained by it, and what is known of its use; or an application's access token.
 * Members that a later release adds, here and in what it is made of, stay where they are while both releases run.
 */
export interface LineageRecord {
  readonly refreshToken?: string | undefined
  readonly refreshTokenExpiresAt?: number | undefined
  /** From when on its end is told, so that somebody can log in again in time. */
  readonly refreshTokenWarnAt?: number | undefined
  /** By the keys of their entries. */
  readonly accessTokens: Readonly<Record<string, KeptToken>>
  readonly sending?: Mark | undefined
  /** Hashes of the refresh tokens that are used up, the latest last: who still brings one is served by what came after. */
  readonly spent: readonly string[]
  /** Hashes of the refresh tokens that logins brought, the latest last: a process that starts may bring one of them again. */
  readonly origins: readonly string[]
  /** Why there is no refresh token any more. */
  readonly ended?: EndReason | 'forgotten' | undefined
  /** When somebody missed this record, and asked those who may have it; nothing else is in it then. */
  readonly asked?: number | undefined
}

/** What a server can end a session by. */
export type EndReason = 'invalid_grant' | 'interaction_required' | 'refused'

export interface KeptToken {
  readonly accessToken: string
  readonly idToken?: string | undefined
  readonly obtainedAt: number
  readonly expiresAt?: number | undefined
  readonly scope?: string | undefined
  readonly missingScope: readonly string[]
  /** What else the answer said; records of older versions lack it. */
  readonly additional?: AdditionalMembers | undefined
}

/** Written before a refresh token is sent, so that nobody sends it again as if nothing had happened. */
export interface Mark {
  /** Of the refresh token. */
  readonly hash: string
  /** Who sends it; a new name for every flight. */
  readonly holder: string
  /** When the mark was written, by the holder's clock. */
  readonly at: number
  /** How often it was sent without its outcome being known; one that is under way counts. */
  readonly sends: number
  /** How often in a row it came to nothing, whatever the reason: each rest is longer than the one before. */
  readonly failures?: number | undefined
  /** How often of these the server refused it, not saying that it is dead, while it served others. */
  readonly refusals?: number | undefined
  /** When the first of these failures was. */
  readonly failingSince?: number | undefined
  /** Not to be sent before; by the clock of whoever wrote it. */
  readonly restUntil?: number | undefined
  /** What the last one to send it was told, if anything. */
  readonly failure?: { readonly status?: number | undefined; readonly error?: string | undefined } | undefined
}

export type Decision =
  | { readonly step: 'serve'; readonly token: KeptToken }
  | { readonly step: 'send'; readonly refreshToken: string }
  /** For whoever has the lease. */
  | { readonly step: 'wait' }
  | { readonly step: 'rest'; readonly mark: Mark; readonly until: number }
  /** For those who may know better than the store: it has lost the record. */
  | { readonly step: 'ask' }
  | { readonly step: 'log_in'; readonly reason: LoginReason }

/** What a caller wants of a lineage. */
export interface Wanted {
  /** The entry's key. */
  readonly entry: string
  /** Whether a token that is kept is what the caller waits for. */
  readonly serves: (token: KeptToken) => boolean
  readonly now: number
  /** Whether the caller has the lease, so that nobody else is about to send or waits for an answer. */
  readonly leased: boolean
  /** How often a refresh token may be sent again when its outcome is not known. */
  readonly resends: number
  /**
   * Until when the caller has a token that serves, when it is to be renewed in the background: then the last try is left
   * for the moment when somebody needs it.
   */
  readonly servedUntil?: number | undefined
}

export const emptyRecord: LineageRecord = { accessTokens: {}, spent: [], origins: [] }

/** Step `decide`: what is to be done, going by the record alone. */
export function decide(record: LineageRecord, wanted: Wanted): Decision {
  const { entry, serves, now, leased, resends } = wanted
  const token = record.accessTokens[entry]
  if (token !== undefined && serves(token)) return { step: 'serve', token }
  const { refreshToken, refreshTokenExpiresAt } = record
  if (refreshToken === undefined && isAsked(record, now)) return { step: 'ask' }
  if (refreshToken === undefined) return { step: 'log_in', reason: record.ended ?? 'no_refresh_token' }
  const mark = markOf(record, refreshToken)
  if (!leased && isUnderWay(mark)) return { step: 'wait' }
  if (refreshTokenExpiresAt !== undefined && refreshTokenExpiresAt <= now)
    return { step: 'log_in', reason: 'refresh_token_expired' }
  const until = mark === undefined ? undefined : restUntilOf(mark, now)
  if (mark !== undefined && until !== undefined) return { step: 'rest', mark, until }
  if (mark !== undefined && mark.sends > resends) return { step: 'log_in', reason: 'unknown_outcome' }
  if (mark !== undefined && isForLater(mark, wanted)) return { step: 'rest', mark, until: wanted.servedUntil ?? now }
  return leased ? { step: 'send', refreshToken } : { step: 'wait' }
}

/** What stands for a record that somebody misses. */
export function asking(now: number): LineageRecord {
  return { ...emptyRecord, asked: now }
}

/** How long those who may have a record that the store has lost are waited for; a copy is looked at again within 10 s. */
export const askForMs = 12_000

function isAsked({ asked = Number.NEGATIVE_INFINITY }: LineageRecord, now: number): boolean {
  return Math.abs(now - asked) < askForMs
}

/** Step `mark`: the refresh token is about to be sent. */
export function marked(record: LineageRecord, holder: string, now: number): LineageRecord {
  const { refreshToken } = record
  if (refreshToken === undefined) return record
  const before = markOf(record, refreshToken)
  const { restUntil, failure, ...lasting } = before ?? {}
  const sends = (before?.sends ?? 0) + 1
  return { ...record, sending: { ...lasting, hash: sha256(refreshToken), holder, at: now, sends } }
}

/** Step `save`: the server answered. Without a new refresh token, ID token or scope the old one stays in force. */
export function answered(record: LineageRecord, entry: string, answer: TokenSet): LineageRecord {
  const { accessToken, idToken, obtainedAt, expiresAt, scope, missingScope } = answer
  const before = record.accessTokens[entry]
  const token: KeptToken = {
    accessToken,
    idToken: idToken ?? before?.idToken,
    obtainedAt,
    expiresAt,
    scope: scope ?? before?.scope,
    missingScope,
    additional: withMembersBefore(before?.additional, answer.additional),
  }
  // certificates and scopes come and go, and each has a token of its own
  const alive = Object.entries(record.accessTokens).filter(([, kept]) => endOf(kept) > obtainedAt)
  return { ...withRefreshToken(record, answer), accessTokens: { ...Object.fromEntries(alive), [entry]: token } }
}

/** Step `unsent`: it never left; what was known before the mark is what is known. */
export function unsent(record: LineageRecord, before: LineageRecord): LineageRecord {
  return { ...record, sending: before.sending }
}

/** What a failure adds to the mark. */
export type Failed = Pick<Mark, 'failure' | 'failures' | 'refusals' | 'failingSince' | 'restUntil'>

/** Step `nothing_done`: the server refused without using it up, and may want to be left alone until an instant. */
export function nothingDone(record: LineageRecord, failed: Failed): LineageRecord {
  const { sending } = record
  if (sending === undefined) return record
  const sends = sending.sends - 1
  const isOver = sends === 0 && failed.restUntil === undefined
  return { ...record, sending: isOver ? undefined : { ...sending, ...failed, sends } }
}

/** Step `unknown`: nobody can tell whether it was used up. It still counts as sent. */
export function unknown(record: LineageRecord, failed: Failed): LineageRecord {
  const { sending } = record
  return sending === undefined ? record : { ...record, sending: { ...sending, ...failed } }
}

/** Step `rescued`: a new refresh token came with an answer that is of no use otherwise. It rests as the old one would. */
export function rescued(
  record: LineageRecord,
  brought: BroughtRefreshToken & { readonly refreshToken: string },
  failed: Failed,
): LineageRecord {
  const { sending } = record
  const next = withRefreshToken(record, brought)
  if (sending === undefined) return next
  return { ...next, sending: { ...sending, hash: sha256(brought.refreshToken), sends: 0, ...failed } }
}

/** Step `end`: only the user can help, and nobody has written since. Access tokens live to their own end. */
export function ended(record: LineageRecord, reason: EndReason): LineageRecord {
  return { ...withoutRefreshToken(record), spent: spentWith(record), ended: reason }
}

/** An API rejected an access token. */
export function discarded(record: LineageRecord, entry: string, accessToken: string): LineageRecord {
  if (record.accessTokens[entry]?.accessToken !== accessToken) return record
  const { [entry]: _, ...others } = record.accessTokens
  return { ...record, accessTokens: others }
}

/** What is left of a lineage that was forgotten: the later word, should an answer still be on its way. */
export const forgotten: LineageRecord = { ...emptyRecord, ended: 'forgotten' }

/** Whether a refresh token is this lineage's own, now or before. */
export function knows(record: LineageRecord, refreshToken: string): boolean {
  return record.refreshToken === refreshToken || [...record.origins, ...record.spent].includes(sha256(refreshToken))
}

/** A refresh token that somebody brings, and what comes with it. */
export interface BroughtRefreshToken {
  readonly refreshToken?: string | undefined
  readonly refreshTokenExpiresAt?: number | undefined
  /** When it came, in epoch milliseconds. */
  readonly obtainedAt: number
}

/** A new login: nothing of the old one is left but what must not be sent again. */
export function startingOver(record: LineageRecord): LineageRecord {
  return { ...emptyRecord, spent: spentWith(record), origins: record.origins }
}

/** Takes a refresh token in; the one it replaces is spent. */
export function withRefreshToken(record: LineageRecord, brought: BroughtRefreshToken): LineageRecord {
  const { refreshToken = record.refreshToken, refreshTokenExpiresAt, obtainedAt } = brought
  const isSame = refreshToken === record.refreshToken
  const lasting = withoutRefreshToken(record)
  if (refreshToken === undefined) return lasting
  const expiry =
    refreshTokenExpiresAt === undefined && isSame
      ? { refreshTokenExpiresAt: record.refreshTokenExpiresAt, refreshTokenWarnAt: record.refreshTokenWarnAt }
      : { refreshTokenExpiresAt, refreshTokenWarnAt: warnAt(obtainedAt, refreshTokenExpiresAt) }
  const isFirst = record.refreshToken === undefined
  const origins = isFirst ? latest([...record.origins, sha256(refreshToken)]) : record.origins
  const spent = isSame ? record.spent : spentWith(record, refreshToken)
  return { ...lasting, refreshToken, ...expiry, origins, spent }
}

/** The rest of a record, with whatever a later release keeps there. */
function withoutRefreshToken(record: LineageRecord): LineageRecord {
  const { refreshToken, refreshTokenExpiresAt, refreshTokenWarnAt, sending, ended, asked, ...lasting } = record
  return lasting
}

/** How long a record is worth keeping; `undefined`: for ever, since a refresh token is in it. */
export function keepForMs(record: LineageRecord, now: number): number | undefined {
  if (record.refreshToken !== undefined)
    return record.refreshTokenExpiresAt === undefined ? undefined : atLeast(record.refreshTokenExpiresAt + hourMs - now)
  const ends = Object.values(record.accessTokens).map(endOf)
  return atLeast(Math.max(0, ...ends) - now, leastToKeepMs(record))
}

function leastToKeepMs(record: LineageRecord): number {
  if (record.ended === 'forgotten') return hourMs
  if (record.spent.length > 0) return monthMs
  if (isOfLaterRelease(record)) return dayMs
  return record.asked ? minuteMs : 1_000
}

/** Whether nothing is worth keeping. */
export function isEmpty(record: LineageRecord): boolean {
  return isMissing(record) && record.asked === undefined
}

/** Whether it says no more than no record would. */
export function isMissing(record: LineageRecord): boolean {
  const { refreshToken, accessTokens, spent, ended } = record
  const isBare = refreshToken === undefined && ended === undefined && spent.length === 0
  return isBare && Object.keys(accessTokens).length === 0 && !isOfLaterRelease(record)
}

const memberNames: Readonly<Record<keyof LineageRecord, true>> = {
  refreshToken: true,
  refreshTokenExpiresAt: true,
  refreshTokenWarnAt: true,
  accessTokens: true,
  sending: true,
  spent: true,
  origins: true,
  ended: true,
  asked: true,
}

/** Whether a later release keeps something in it, whose worth nobody knows here. */
function isOfLaterRelease(record: LineageRecord): boolean {
  return !Object.keys(record).every(name => Object.hasOwn(memberNames, name))
}

/** A token as callers get it. One from the future was written by a clock that runs ahead: it lives as long, from now. */
export function tokenSetOf(record: LineageRecord, token: KeptToken, now: number): TokenSet {
  const { refreshToken, refreshTokenExpiresAt } = record
  const aheadMs = Math.max(0, token.obtainedAt - now)
  const expiresAt = token.expiresAt === undefined ? undefined : token.expiresAt - aheadMs
  return new TokenSet({
    ...token,
    obtainedAt: token.obtainedAt - aheadMs,
    expiresAt,
    refreshToken,
    refreshTokenExpiresAt,
    additional: additionalMembers(token.additional),
  })
}

/** Whether both are the answer to one request. A server may answer two with the same access token. */
export function isSameToken(one: KeptToken, other: KeptToken | undefined): boolean {
  return one.accessToken === other?.accessToken && one.obtainedAt === other.obtainedAt
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const mostAheadMs = minuteMs
/** So long it is remembered which refresh tokens are dead. */
const monthMs = 30 * dayMs

/** When a token is over; one without an end is not kept for ever. */
function endOf({ obtainedAt, expiresAt }: KeptToken): number {
  return expiresAt ?? obtainedAt + dayMs
}
/** A latecomer is late by one or two, and each hash is 43 characters. */
function latest(hashes: readonly string[]): readonly string[] {
  return hashes.slice(-8)
}

/** The mark of this very refresh token. */
export function markOf({ sending }: LineageRecord, refreshToken: string): Mark | undefined {
  return sending?.hash === sha256(refreshToken) ? sending : undefined
}

/** Until when it rests, if it does. A clock that is far ahead has written what nobody should wait for. */
function restUntilOf({ at, restUntil = 0 }: Mark, now: number): number | undefined {
  return restUntil > now && at - now < mostAheadMs ? restUntil : undefined
}

/** A try in the background that could be the last one allowed, or rest beyond the moment when it is needed. */
function isForLater({ sends, failures = 0 }: Mark, { servedUntil, now, resends }: Wanted): boolean {
  if (servedUntil === undefined || failures === 0) return false
  return sends >= resends || now + restMsAfter(failures + 1) > servedUntil
}

/** As far as the record tells: whoever has the lease knows better. */
function isUnderWay(mark: Mark | undefined): boolean {
  return mark !== undefined && mark.restUntil === undefined
}

/** A server may hand out again what it has handed out before. */
function spentWith({ refreshToken, spent }: LineageRecord, next?: string): readonly string[] {
  const hashes = refreshToken === undefined ? spent : latest([...spent, sha256(refreshToken)])
  return next === undefined ? hashes : hashes.filter(hash => hash !== sha256(next))
}

/** A day before the end, or when three quarters are over. */
function warnAt(obtainedAt: number, expiresAt: number | undefined): number | undefined {
  return expiresAt === undefined ? undefined : expiresAt - Math.min(dayMs, (expiresAt - obtainedAt) / 4)
}

function atLeast(milliseconds: number, least = 1_000): number {
  return Math.ceil(Math.max(milliseconds, least))
}
