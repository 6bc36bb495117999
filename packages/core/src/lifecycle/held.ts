/**
 * What this process holds of each store: copies of records and the requests under way, so that sources built for each
 * request share tokens and requests all the same. Bounded; the store has the rest.
 */

import { randomBytes } from 'node:crypto'
import { outOfContext } from '../context.js'
import { type BoundedStore, boundedStore } from '../store/bounded-store.js'
import { memoryStore } from '../store/memory-store.js'
import type { ChangeListener, TokenStore } from '../store/token-store.js'
import type { TokenSet } from '../token-set.js'
import { type Holder, holders } from './holders.js'
import { emptyRecord, isSameToken, type KeptToken, type LineageRecord, tokenSetOf } from './record.js'

/** A record as it was read or written last. */
export interface Known {
  /** `undefined`: there is none. */
  readonly version: string | undefined
  readonly record: LineageRecord
}

/** One refresh token and the access tokens obtained by it; or, for an application, one access token. */
export interface Lineage {
  readonly key: string
  /** Of the sources that may ask for it. */
  readonly space: string
  readonly store: BoundedStore
  /** How long a copy may be used before the store is asked again, in milliseconds. */
  readonly copyMs: number
  /** Whether the store tells of changes. */
  readonly isToldOfChanges: boolean
  readonly entries: Map<string, Entry>
  /** Whoever still points here has to look again. */
  evicted: boolean
  known: Known | undefined
  /** When that was known to be so, by `performance.now()`; `-Infinity` once a later version was told of. */
  knownAt: number
  /** The version this process wrote last. */
  writtenVersion: string | undefined
  /** Versions that came before the known one: a store that shows one of them has lost what came after. */
  readonly ancestors: string[]
  /** Counts what is learnt, so that a slow answer of the store does not undo it. */
  epoch: number
  /** Ends when whoever renews in this process now is done; `undefined` when nobody does. */
  turn: Promise<void> | undefined
  /** The read that others may join. */
  reading: Promise<void> | undefined
  /** Since when the store has not had a record that is known here, by `performance.now()`. */
  missingSince: number | undefined
  /** An answer of the server that the store has not taken yet. */
  unsaved: Unsaved | undefined
  /** Whether a timer will try that. */
  isFlushing: boolean
  /** The token that an API rejected last: not served again, even if the store still has it. */
  rejected: KeptToken | undefined
  /** Called at the next change, by those who wait for one. */
  readonly waiting: Set<() => void>
  /** The refresh token whose end, or whose need for a login, was told, by its hash. */
  readonly told: { expiring?: string | undefined; login?: string | undefined }
}

/** What still has to be written, under which version, and over what it may be. */
export interface Unsaved {
  readonly version: string
  readonly change: (current: LineageRecord) => LineageRecord
  readonly mayReplace: (current: Known) => boolean
  /** Whether it is in the store; `undefined` until that is known. */
  isKept: boolean | undefined
  /** The store can never take it as it is: a record it cannot read is in the way. */
  isRefused?: boolean
}

/** A token of the record, as callers get it. */
export interface Copy {
  /** Tells it from others, without holding it. */
  readonly id: number
  readonly tokenSet: TokenSet
  /** The same as a promise, made when it came. */
  readonly answer: Promise<TokenSet>
  /** What it is a copy of. */
  readonly token: KeptToken
  /** Until when the store need not be asked, by the client's clock; `-Infinity` once a change was told. */
  readonly goodUntil: number
}

/** One access token, and the request that will replace it. */
export interface Entry {
  readonly key: string
  readonly lineage: Lineage
  copy: Copy | undefined
  flight: Promise<TokenSet> | undefined
}

/** What is held of one store. */
export interface Holdings {
  /** Whether the store was named by the user, so that its keys must mean the same in other processes. */
  readonly isShared: boolean
  /** A source that is open until it is released. */
  open(space: string): Holder
  /** The entry under two keys of `token-key.ts`, made empty when there is none. */
  entry(lineageKey: string, entryKey: string, holder?: Holder): Entry
  /** Lets go of a lineage whose tokens were forgotten, unless there are others: the store has what is left to be known. */
  letGo(lineage: Lineage): void
  /** Lets go of what no open source may want any more; in the memory of this process, of the records too. */
  release(holder: Holder): Promise<void>
  /** Called when somebody wrote where there was no record, though there should be one by what is known here. */
  missed: ((lineage: Lineage) => void) | undefined
}

/** Names a state of a record. In one piece: a UUID is twenty to the engine, more than the record of who was forgotten. */
export function newVersion(): string {
  return randomBytes(18).toString('base64url')
}

/** The version of a record that is written where there was none, so that whoever knows of one looks. */
export function firstVersion(): string {
  return `first-${newVersion()}`
}

let processStore: TokenStore | undefined
const holdings = new WeakMap<TokenStore, Holdings>()

/** What is held of a store; without one, of the memory store of this process. */
export function heldIn(store: TokenStore | undefined): Holdings {
  processStore ??= memoryStore()
  const chosen = store ?? processStore
  let held = holdings.get(chosen)
  if (held === undefined) {
    held = hold(chosen, store !== undefined)
    holdings.set(chosen, held)
  }
  return held
}

const mostLineages = 100_000
const copyMs = 10_000

function hold(store: TokenStore, isShared: boolean): Holdings {
  const lineages = new Map<string, Lineage>()
  const inProcess = store.secrecy === 'process'
  const lookAgain = () => {
    for (const lineage of lineages.values()) becomeStale(lineage)
  }
  const place = {
    store: inProcess ? store : boundedStore(store, lookAgain),
    copyMs: inProcess ? Number.POSITIVE_INFINITY : copyMs,
    isToldOfChanges: store.watch !== undefined,
  }
  // the store has the listener, and the listener what is held: all of it goes when the store does
  const changed: ChangeListener = (key, version) => {
    const lineage = lineages.get(key)
    if (lineage === undefined || (version !== undefined && version === lineage.known?.version)) return
    if (version?.startsWith('first-') && lineage.known?.record.refreshToken !== undefined) {
      becomeStale(lineage)
      return held.missed?.(lineage)
    }
    // a late word of a version we have seen replaced says nothing about the one we know
    if (version === undefined || !lineage.ancestors.includes(version)) lineage.knownAt = Number.NEGATIVE_INFINITY
    becomeStale(lineage)
  }
  outOfContext(() => store.watch?.(changed))
  const find = (key: string, space: string): Lineage => {
    let lineage = lineages.get(key)
    if (lineage === undefined) {
      if (lineages.size >= mostLineages) evict(lineages)
      lineage = newLineage(key, space, place)
      lineages.set(key, lineage)
    }
    return lineage
  }
  const letGo = (lineage: Lineage) => {
    if (!isIdle(lineage)) return
    if (lineages.get(lineage.key) === lineage) lineages.delete(lineage.key)
    lineage.evicted = true
    // by what was forgotten a late answer is known to be late
    if (lineage.known?.record.ended !== 'forgotten') dropCopies(lineage)
    forgetLastMatch()
  }
  const { open, close } = holders()
  const held: Holdings = {
    isShared,
    missed: undefined,
    open,
    letGo,
    async release(holder) {
      if (!close(holder)) return
      for (const lineage of lineages.values()) {
        if (lineage.space !== holder.space) continue
        letGo(lineage)
        if (!isShared && lineage.evicted) await remove(lineage)
      }
    },
    entry(lineageKey, entryKey, { space } = { space: '' }) {
      const lineage = find(lineageKey, space)
      let entry = lineage.entries.get(entryKey)
      if (entry === undefined) {
        entry = { key: entryKey, lineage, copy: undefined, flight: undefined }
        lineage.entries.set(entryKey, entry)
      }
      return entry
    },
  }
  return held
}

/** The engine keeps the text that a regular expression matched last, which may be a token. */
function forgetLastMatch(): void {
  ;/^/.test('')
}

async function remove({ store, key }: Lineage): Promise<void> {
  const kept = await store.get(key)
  if (kept !== undefined) await store.delete(key, kept.version)
}

function newLineage(key: string, space: string, place: Pick<Lineage, 'store' | 'copyMs' | 'isToldOfChanges'>): Lineage {
  return {
    key,
    space,
    ...place,
    entries: new Map(),
    evicted: false,
    known: undefined,
    knownAt: 0,
    writtenVersion: undefined,
    ancestors: [],
    epoch: 0,
    turn: undefined,
    reading: undefined,
    missingSince: undefined,
    unsaved: undefined,
    isFlushing: false,
    rejected: undefined,
    waiting: new Set(),
    told: {},
  }
}

/** Takes in what was read or written: every copy follows. */
export function learn(lineage: Lineage, known: Known, now: number): Known {
  noteAncestor(lineage, known)
  lineage.known = known
  lineage.knownAt = performance.now()
  lineage.missingSince = undefined
  lineage.epoch++
  for (const entry of lineage.entries.values()) entry.copy = copyFrom(known.record, entry, now)
  for (const wake of lineage.waiting) wake()
  return known
}

/** The same, unless something else was learnt while the store answered: which of both is later the store has to say. */
export function learnUnlessLater(lineage: Lineage, known: Known, knownBefore: string | undefined, now: number): void {
  if (lineage.known?.version === knownBefore) learn(lineage, known, now)
  else becomeStale(lineage)
}

/** What is known now has replaced what was known before, unless it is older itself. */
function noteAncestor({ known: before, ancestors }: Lineage, { version }: Known): void {
  const at = version === undefined ? -1 : ancestors.indexOf(version)
  if (at !== -1) ancestors.splice(at)
  else if (before?.version !== undefined && before.version !== version) ancestors.push(before.version)
  if (ancestors.length > 8) ancestors.shift()
}

/** Every copy has to be looked at again. */
function becomeStale(lineage: Lineage): void {
  lineage.epoch++
  for (const entry of lineage.entries.values())
    if (entry.copy !== undefined) entry.copy = goodUntil(entry.copy, Number.NEGATIVE_INFINITY)
  for (const wake of lineage.waiting) wake()
}

/** Drops every copy, and detaches the requests under way: what comes next owes them nothing. */
export function dropCopies(lineage: Lineage): void {
  lineage.known = { version: lineage.known?.version, record: emptyRecord }
  lineage.unsaved = undefined
  lineage.rejected = undefined
  lineage.told.expiring = lineage.told.login = undefined
  lineage.epoch++
  for (const entry of lineage.entries.values()) {
    entry.copy = undefined
    entry.flight = undefined
  }
}

/** Runs one renewal of a lineage after the other, in this process. */
export function inTurn<T>(lineage: Lineage, renew: () => Promise<T>): Promise<T> {
  const result = (lineage.turn ?? Promise.resolve()).then(renew)
  const done = () => {
    if (lineage.turn === turn) lineage.turn = undefined
  }
  const turn = result.then(done, done)
  lineage.turn = turn
  return result
}

/** The same token set as before when nothing has changed: callers compare. */
function copyFrom(record: LineageRecord, { key, lineage, copy }: Entry, now: number): Copy | undefined {
  const token = record.accessTokens[key]
  if (token === undefined || isSameToken(token, lineage.rejected)) return undefined
  const isSame =
    copy !== undefined &&
    isSameToken(token, copy.token) &&
    copy.tokenSet.refreshToken === record.refreshToken &&
    copy.tokenSet.refreshTokenExpiresAt === record.refreshTokenExpiresAt
  const tokenSet = isSame ? copy.tokenSet : tokenSetOf(record, token, now)
  const answer = isSame ? copy.answer : outOfContext(() => Promise.resolve(tokenSet))
  return { id: ++copies, tokenSet, answer, token, goodUntil: now + lineage.copyMs }
}

let copies = 0

/** The copy, good until another instant. */
export function goodUntil(copy: Copy, instant: number): Copy {
  return { ...copy, id: ++copies, goodUntil: instant }
}

/** Whether nothing is under way that would be lost with it. */
function isIdle({ unsaved, entries }: Lineage): boolean {
  return unsaved === undefined && [...entries.values()].every(({ flight }) => flight === undefined)
}

/** Makes room for a tenth: the store still has what goes. */
function evict(lineages: Map<string, Lineage>): void {
  let room = mostLineages / 10
  for (const [key, lineage] of lineages) {
    if (room === 0) return
    if (!isIdle(lineage)) continue
    lineages.delete(key)
    lineage.evicted = true
    dropCopies(lineage)
    room--
  }
}
