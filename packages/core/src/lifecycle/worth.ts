/** What a record is worth: whether it says anything, and how long a store should keep it. */
import { emptyRecord, endOf, type LineageRecord } from './record.js'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** How long it is remembered which refresh tokens are used up. */
const monthMs = 30 * dayMs

/**
 * How long a record is to be kept; `undefined`: for ever, since a refresh token is in it.
 *
 * @param most what whoever reads it wants at most, in milliseconds. Default: what it is worth
 */
export function keepForMs(record: LineageRecord, now: number, most?: number): number | undefined {
  const worth = worthForMs(record, now)
  return most === undefined || (worth !== undefined && worth < most) ? worth : atLeast(most)
}

function worthForMs(record: LineageRecord, now: number): number | undefined {
  if (record.refreshToken !== undefined)
    return record.refreshTokenExpiresAt === undefined ? undefined : atLeast(record.refreshTokenExpiresAt + hourMs - now)
  const ends = Object.values(record.accessTokens).map(endOf)
  return atLeast(Math.max(0, ...ends) - now, leastToKeepMs(record))
}

/** Also when its tokens are over. */
function leastToKeepMs(record: LineageRecord): number {
  if (record.ended === 'forgotten') return hourMs
  if (record.spent.length > 0) return monthMs
  if (isOfLaterRelease(record)) return dayMs
  return record.asked ? minuteMs : 1_000
}

/** Whether nothing in it is worth keeping. */
export function isEmpty(record: LineageRecord): boolean {
  return isMissing(record) && record.asked === undefined
}

/** Whether it says no more than no record would. */
export function isMissing(record: LineageRecord): boolean {
  const { refreshToken, accessTokens, spent, ended } = record
  const isBare = refreshToken === undefined && ended === undefined && spent.length === 0
  return isBare && (record === emptyRecord || (Object.keys(accessTokens).length === 0 && !isOfLaterRelease(record)))
}

const memberNames: Readonly<Record<keyof LineageRecord, true>> = {
  refreshToken: true,
  refreshTokenJkt: true,
  unproven: true,
  refreshTokenExpiresAt: true,
  refreshTokenWarnAt: true,
  accessTokens: true,
  sending: true,
  spent: true,
  origins: true,
  idTokenClaims: true,
  resource: true,
  ended: true,
  asked: true,
}

/** Whether a later release keeps something in it, whose worth nobody knows here. */
function isOfLaterRelease(record: LineageRecord): boolean {
  return !Object.keys(record).every(name => Object.hasOwn(memberNames, name))
}

function atLeast(milliseconds: number, least = 1_000): number {
  return Math.ceil(Math.max(milliseconds, least))
}
