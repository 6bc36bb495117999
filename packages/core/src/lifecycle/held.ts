/**
 * What this process holds: one record per lineage, process-wide, so that sources built for each request share tokens
 * and requests all the same. Bounded; what can be had again without a user goes first.
 */
import type { TokenSet } from '../token-set.js'

/** One refresh token and the access tokens obtained by it; or, for an application, access tokens alone. */
export interface Lineage {
  readonly key: string
  readonly entries: Map<string, Entry>
  refreshToken: string | undefined
  refreshTokenExpiresAt: number | undefined
  /** Whoever still points here has to look again. */
  forgotten: boolean
  /** Ends when whoever spends the refresh token now is done. */
  turn: Promise<unknown>
}

/** One access token, and the request that will replace it. */
export interface Entry {
  readonly key: string
  readonly lineage: Lineage
  tokenSet: TokenSet | undefined
  flight: Promise<TokenSet> | undefined
}

const lineages = new Map<string, Lineage>()
const mostLineages = 100_000

/** The entry under two keys of `token-key.ts`, made empty when there is none. */
export function entryFor(lineageKey: string, entryKey: string): Entry {
  const lineage = lineageFor(lineageKey)
  let entry = lineage.entries.get(entryKey)
  if (entry === undefined) {
    entry = { key: entryKey, lineage, tokenSet: undefined, flight: undefined }
    lineage.entries.set(entryKey, entry)
  }
  return entry
}

/** The lineage under a key of `token-key.ts`, made empty when there is none. */
export function lineageFor(key: string): Lineage {
  let lineage = lineages.get(key)
  if (lineage === undefined) {
    if (lineages.size >= mostLineages) evict()
    lineage = {
      key,
      entries: new Map(),
      refreshToken: undefined,
      refreshTokenExpiresAt: undefined,
      forgotten: false,
      turn: Promise.resolve(),
    }
    lineages.set(key, lineage)
  }
  return lineage
}

/** Forgets a lineage: whoever still points into it finds nothing there. */
export function forgetLineage(key: string): void {
  const lineage = lineages.get(key)
  if (lineage === undefined) return
  lineages.delete(key)
  lineage.forgotten = true
  emptyLineage(lineage)
}

/** Drops all tokens of a lineage: what comes next owes them nothing. */
export function emptyLineage(lineage: Lineage): void {
  lineage.refreshToken = undefined
  lineage.refreshTokenExpiresAt = undefined
  for (const entry of lineage.entries.values()) entry.tokenSet = undefined
}

/** Runs one spender of a lineage's refresh token after the other. */
export function inTurn<T>(lineage: Lineage, spend: () => Promise<T>): Promise<T> {
  const result = lineage.turn.then(spend)
  lineage.turn = result.catch(() => {})
  return result
}

/** Makes room for a tenth: lineages without a refresh token first, and those made first. */
function evict(): void {
  const room = mostLineages / 10
  const idle = [...lineages.values()].filter(lineage =>
    [...lineage.entries.values()].every(entry => entry.flight === undefined),
  )
  const replaceable = idle.filter(lineage => lineage.refreshToken === undefined)
  for (const { key } of [...replaceable, ...idle].slice(0, room)) forgetLineage(key)
}
