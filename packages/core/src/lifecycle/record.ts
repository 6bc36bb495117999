/**
 * What a store keeps of one lineage, and the steps that change it. Pure: the model in `test/lifecycle/model/` walks through
 * these very functions.
 */
import { type AdditionalMembers, additionalMembers, withMembersBefore } from '../additional.js'
import { freezeJson } from '../body.js'
import { sha256 } from '../secret.js'
import { type IdTokenClaims, TokenSet } from '../token-set.js'

/**
 * One refresh token, the access tokens obtained by it, and what is known of its use; or an application's access token.
 * Members that a later release adds, here and in what it is made of, stay where they are while both releases run.
 */
export interface LineageRecord {
  readonly refreshToken?: string | undefined
  /** The thumbprint of the DPoP key it came with; `undefined` when it came with none. */
  readonly refreshTokenJkt?: string | undefined
  /**
   * Of one that was imported without a DPoP key, and not used since: the server may want a proof with it. `'refused'` once it
   * has said `invalid_grant` of it, which then may mean that (oidc-provider 9): it is not sent again without one.
   */
  readonly unproven?: 'imported' | 'refused' | undefined
  readonly refreshTokenExpiresAt?: number | undefined
  /** From when on its end is told, so that somebody can log in again in time. */
  readonly refreshTokenWarnAt?: number | undefined
  /** By the keys of their entries. */
  readonly accessTokens: Readonly<Record<string, KeptToken>>
  readonly sending?: Mark | undefined
  /** Hashes of the refresh tokens that are used up, the latest last: who still brings one is served by what came after. */
  readonly spent: readonly string[]
  /**
   * Hashes of the refresh tokens that logins brought, the latest last: a process that starts may bring one of them again.
   * The one in force is known without its hash, which is made when another one replaces it: {@link inForce} stands there.
   */
  readonly origins: readonly string[]
  /** Of the login's ID token, once it was checked: the one of a refresh has to be about the same user. */
  readonly idTokenClaims?: IdTokenClaims | undefined
  /** What the login asked for, so that each refresh does too; `undefined` where it named none. @see RFC 8707 §2.2 */
  readonly resource?: readonly string[] | undefined
  /** Why there is no refresh token any more. */
  readonly ended?: EndReason | 'forgotten' | undefined
  /** When a process missed the record, and asked those who may have it to put it back. Nothing else is in it then. */
  readonly asked?: number | undefined
}

/** What a server can end a session by. */
export type EndReason = 'invalid_grant' | 'interaction_required' | 'refused'

export interface KeptToken {
  readonly accessToken: string
  /** The thumbprint of the DPoP key it is bound to: it is a DPoP token then, else a Bearer token. */
  readonly jkt?: string | undefined
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
  /** The lease's holder, who sends it. */
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

/** No hash: stands for that of the refresh token in force. */
const inForce = ''

const noHashes: readonly string[] = Object.freeze([])
const onlyInForce: readonly string[] = Object.freeze([inForce])

export const emptyRecord: LineageRecord = { accessTokens: {}, spent: noHashes, origins: noHashes }

/** The record that is written where one is missed, so that processes that still have that one are told and put it back. */
export function asking(now: number): LineageRecord {
  return { ...emptyRecord, asked: now }
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
  const next = withRefreshToken(record, answer)
  next.accessTokens = { ...alive(record, answer.obtainedAt), [entry]: kept(answer, record.accessTokens[entry]) }
  if (answer.idTokenClaims !== undefined) next.idTokenClaims = answer.idTokenClaims
  return next
}

/** Each new scope or certificate brings an entry: the tokens of those that are used no more would stay for ever. */
function alive({ accessTokens }: LineageRecord, now: number): LineageRecord['accessTokens'] {
  const tokens = Object.entries(accessTokens)
  return tokens.length === 0 ? accessTokens : Object.fromEntries(tokens.filter(([, token]) => endOf(token) > now))
}

/** A login has brought tokens: nothing of what was there before is left but what must not be sent again. */
export function loggedIn(
  record: LineageRecord,
  entry: string,
  answer: TokenSet,
  resource: readonly string[] | undefined,
): LineageRecord {
  return { ...answered(startingOver(record), entry, answer), ...(resource && { resource }) }
}

/** Most answers have neither an ID token nor further members, and are bound to no key: these take no place then. */
function kept(answer: TokenSet, before: KeptToken | undefined): KeptToken {
  const { accessToken, idToken = before?.idToken, obtainedAt, expiresAt, scope = before?.scope, missingScope } = answer
  const additional = withMembersBefore(before?.additional, answer.additional)
  const token = { accessToken, obtainedAt, expiresAt, scope, missingScope }
  const { jkt } = answer
  const more = idToken ?? additional ?? jkt
  return more !== undefined ? { ...token, idToken, additional, jkt } : token
}

/** The request never left: what was known before the mark is what is known. */
export function unsent(record: LineageRecord, before: LineageRecord): LineageRecord {
  return { ...record, sending: before.sending }
}

/** What a failure adds to the mark. */
export type Failed = Pick<Mark, 'failure' | 'failures' | 'refusals' | 'failingSince' | 'restUntil'>

/** The server refused and did not use it up; it may want to be left alone until an instant. */
export function nothingDone(record: LineageRecord, failed: Failed): LineageRecord {
  const { sending } = record
  if (sending === undefined) return record
  const sends = sending.sends - 1
  const isOver = sends === 0 && failed.restUntil === undefined
  return { ...record, sending: isOver ? undefined : { ...sending, ...failed, sends } }
}

/** Nobody can tell whether it was used up. It still counts as sent. */
export function unknown(record: LineageRecord, failed: Failed): LineageRecord {
  const { sending } = record
  return sending === undefined ? record : { ...record, sending: { ...sending, ...failed } }
}

/** A new refresh token came with an answer that is of no use otherwise. It rests as the old one would. */
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
  return { ...withoutRefreshToken(record), spent: spentWith(record), origins: originsOf(record), ended: reason }
}

/** The server may have refused it for want of a proof: with one it may be as good as before. */
export function refusedUnproven(record: LineageRecord, failed: Failed): LineageRecord {
  return { ...nothingDone(record, { failure: failed.failure }), unproven: 'refused' }
}

/** An API rejected an access token. */
export function discarded(record: LineageRecord, entry: string, accessToken: string): LineageRecord {
  if (record.accessTokens[entry]?.accessToken !== accessToken) return record
  const { [entry]: _, ...others } = record.accessTokens
  return { ...record, accessTokens: others }
}

/** What is left of a lineage that was forgotten. An answer that is still on its way finds it there, and is not written. */
export const forgotten: LineageRecord = { ...emptyRecord, ended: 'forgotten' }

/** Whether a refresh token is this lineage's own, now or before. */
export function knows(record: LineageRecord, refreshToken: string): boolean {
  if (record.refreshToken === refreshToken) return true
  const { origins, spent } = record
  if (origins.length === 0 && spent.length === 0) return false
  const hash = sha256(refreshToken)
  return origins.includes(hash) || spent.includes(hash)
}

/** A refresh token that somebody brings, and what comes with it. */
export interface BroughtRefreshToken {
  readonly refreshToken?: string | undefined
  /** The thumbprint of the DPoP key it comes with. Default: that of the one before. */
  readonly jkt?: string | undefined
  readonly refreshTokenExpiresAt?: number | undefined
  /** When it came, in epoch milliseconds. */
  readonly obtainedAt: number
}

/** A new login: nothing of the old one is left but what must not be sent again. */
export function startingOver(record: LineageRecord): LineageRecord {
  return { accessTokens: emptyRecord.accessTokens, spent: spentWith(record), origins: originsOf(record) }
}

/** A record on the way to the next one: to write a member over that a spread has copied is cheap in a step of its own alone. */
type Draft = { -readonly [Member in keyof LineageRecord]: LineageRecord[Member] }

/** Takes a refresh token in; the one it replaces is spent. What is not so of the new one has no member: that takes no place. */
export function withRefreshToken(record: LineageRecord, brought: BroughtRefreshToken): Draft {
  const { refreshToken = record.refreshToken } = brought
  const isSame = refreshToken === record.refreshToken
  const next: Draft = withoutRefreshToken(record)
  if (refreshToken === undefined) return next
  const jkt = isSame ? record.refreshTokenJkt : (brought.jkt ?? record.refreshTokenJkt)
  next.refreshToken = refreshToken
  if (jkt !== undefined) next.refreshTokenJkt = jkt
  if (record.refreshToken === undefined) next.origins = withInForce(record.origins)
  else if (!isSame) next.origins = originsOf(record)
  if (!isSame) next.spent = spentWith(record, refreshToken)
  return Object.assign(next, expiryOf(brought, isSame ? record : {}))
}

function withInForce(origins: readonly string[]): readonly string[] {
  return origins.length === 0 ? onlyInForce : latest([...origins, inForce])
}

/** With the hash of the refresh token in force. */
export function originsOf({ origins, refreshToken }: LineageRecord): readonly string[] {
  if (refreshToken === undefined || !origins.includes(inForce)) return origins
  return origins.map(hash => (hash === inForce ? sha256(refreshToken) : hash))
}

/** The same record without that hash. */
export function withoutHashInForce(record: LineageRecord): LineageRecord {
  const { origins, refreshToken } = record
  if (refreshToken === undefined || origins.length === 0) return record
  const hash = sha256(refreshToken)
  return { ...record, origins: origins.map(origin => (origin === hash ? inForce : origin)) }
}

type Expiry = Pick<LineageRecord, 'refreshTokenExpiresAt' | 'refreshTokenWarnAt'>

/** When the refresh token expires: by who brings it, or else as it was known before. */
function expiryOf({ refreshTokenExpiresAt, obtainedAt }: BroughtRefreshToken, before: Expiry): Expiry {
  if (refreshTokenExpiresAt !== undefined)
    return { refreshTokenExpiresAt, refreshTokenWarnAt: warnAt(obtainedAt, refreshTokenExpiresAt) }
  if (before.refreshTokenExpiresAt === undefined) return {}
  return { refreshTokenExpiresAt: before.refreshTokenExpiresAt, refreshTokenWarnAt: before.refreshTokenWarnAt }
}

/** The rest of a record, with whatever a later release keeps there. */
function withoutRefreshToken(record: LineageRecord): LineageRecord {
  const {
    refreshToken,
    refreshTokenJkt,
    unproven,
    refreshTokenExpiresAt,
    refreshTokenWarnAt,
    sending,
    ended,
    asked,
    ...lasting
  } = record
  return lasting
}

/** A token as callers get it. One from the future was written by a clock that runs ahead: it lives as long, from now. */
export function tokenSetOf(record: LineageRecord, token: KeptToken, now: number): TokenSet {
  const { accessToken, jkt, idToken, scope, missingScope, additional } = token
  const aheadMs = Math.max(0, token.obtainedAt - now)
  return new TokenSet({
    accessToken,
    tokenType: jkt === undefined ? 'Bearer' : 'DPoP',
    jkt,
    refreshToken: record.refreshToken,
    idToken,
    obtainedAt: token.obtainedAt - aheadMs,
    expiresAt: token.expiresAt === undefined ? undefined : token.expiresAt - aheadMs,
    refreshTokenExpiresAt: record.refreshTokenExpiresAt,
    scope,
    missingScope,
    idTokenClaims: frozenClaims(record),
    additional: additional && additionalMembers(additional),
  })
}

/** As they were when they were checked: those of a store come out of its text. */
function frozenClaims({ idTokenClaims }: LineageRecord): IdTokenClaims | undefined {
  freezeJson(idTokenClaims, 100)
  return idTokenClaims
}

/** Whether both are the answer to one request. A server may answer two with the same access token. */
export function isSameToken(one: KeptToken, other: KeptToken | undefined): boolean {
  return one.accessToken === other?.accessToken && one.obtainedAt === other.obtainedAt
}

const dayMs = 86_400_000

/** When a token is over; one without an end is not kept for ever. */
export function endOf({ obtainedAt, expiresAt }: KeptToken): number {
  return expiresAt ?? obtainedAt + dayMs
}

/** The last eight: a process that comes late brings one of the last two or three, and each hash takes 43 characters. */
function latest(hashes: readonly string[]): readonly string[] {
  return hashes.slice(-8)
}

/** The mark of this very refresh token. */
export function markOf({ sending }: LineageRecord, refreshToken: string): Mark | undefined {
  return sending?.hash === sha256(refreshToken) ? sending : undefined
}

/** With the refresh token that is replaced; without the one that comes: a server may hand out one that was used up before. */
function spentWith({ refreshToken, spent }: LineageRecord, next?: string): readonly string[] {
  const hashes = refreshToken === undefined ? spent : latest([...spent, sha256(refreshToken)])
  return next === undefined || hashes.length === 0 ? hashes : hashes.filter(hash => hash !== sha256(next))
}

/** A day before the end, or when three quarters are over. */
function warnAt(obtainedAt: number, expiresAt: number): number {
  return expiresAt - Math.min(dayMs, (expiresAt - obtainedAt) / 4)
}
