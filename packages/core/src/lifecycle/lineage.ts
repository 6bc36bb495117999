/**
 * What this process knows of one lineage: its record as it was read or written last, and ready copies of the tokens in it.
 * Everybody who asks for a token of the lineage shares it. How the record is read and written is in `stored.ts`.
 */
import type { BoundedStore } from '../store/bounded-store.js'
import type { TokenSet } from '../token-set.js'
import { type Copy, copyOf, goodUntil } from './copy.js'
import { askForMs } from './decision.js'
import { emptyRecord, isSameToken, type KeptToken, knows, type LineageRecord } from './record.js'
import { UnderWay, type Unsaved } from './under-way.js'
import { isFirst, type Known, nothing } from './version.js'
import { isMissing } from './worth.js'

/** What all lineages of one store, and of one limit, have in common. */
export interface Place {
  readonly store: BoundedStore
  /** How long a copy may be used before the store is asked again, in milliseconds. */
  readonly copyMs: number
  /** Whether the store tells of changes. */
  readonly isToldOfChanges: boolean
  /** How long a record is kept after it was written last, at most, in milliseconds. Default: what it is worth. */
  readonly keepForMs?: number | undefined
}

/** A renewal under way. */
export interface Flight {
  readonly answer: Promise<TokenSet>
  /** The request it has made last, by its name in events; `undefined` while it has made none. */
  readonly requestId: string | undefined
}

/** One access token, and the request that will replace it. */
export interface Entry {
  readonly key: string
  readonly lineage: Lineage
  /** Changed by the verbs of the lineage alone. */
  readonly copy: Copy | undefined
  /** Changed by `single-flight.ts`, and by the lineage when its tokens are forgotten. */
  flight: Flight | undefined
}

/** Most lineages have one entry: a list of them takes less memory than a map. */
type OwnEntry = { -readonly [Member in keyof Entry]: Entry[Member] } & { readonly next: OwnEntry | undefined }

/**
 * How long what this process knows of a record counts against what the store shows, where it is told of changes. Far less
 * than tombstones are kept.
 */
const trustMs = 600_000
/** What was forgotten leaves a tombstone for as long: a record that is gone within that was lost. */
const tombstoneMs = 3_600_000
/** Others come late by a version or two. */
const mostAncestors = 8

/** What is known of a lineage beside its record: of most nothing is, so it is made when there is something. */
class Notes {
  /** Versions that came before the known one: a store that shows one of them has lost what came after. */
  readonly ancestors: string[] = []
  /** Since when the store has not had a record that is known here, by `performance.now()`. */
  missingSince: number | undefined
  rejected: KeptToken | undefined
  /** What was told last, of each kind of notice. */
  told: Readonly<Record<string, string>> = untold
}

/** One refresh token and the access tokens obtained by it; or, for an application, one access token. */
export class Lineage {
  readonly key: string
  /** Of the sources that may ask for it. */
  readonly space: string
  readonly place: Place
  #entry: OwnEntry | undefined
  #known: Known | undefined
  /** When that was known to be so, in whole milliseconds of `performance.now()`; `undefined` once a later version was told of. */
  #knownAt: number | undefined = 0
  #changes = 0
  /** The version this process wrote last. */
  #writtenVersion: string | undefined
  #notes: Notes | undefined
  #underWay: UnderWay | undefined
  #isLetGo = false

  constructor(key: string, space: string, place: Place) {
    this.key = key
    this.space = space
    this.place = place
  }

  /** The entry under a key of `token-key.ts`, made empty when there is none. */
  entry(key: string): Entry {
    for (let entry = this.#entry; entry; entry = entry.next) if (entry.key === key) return entry
    this.#entry = { key, lineage: this, copy: undefined, flight: undefined, next: this.#entry }
    return this.#entry
  }

  /** The record as it was read or written last; `undefined` while it was neither. */
  get known(): Known | undefined {
    return this.#known
  }

  /** Counts what is learnt and told, so that a slow answer of the store does not undo it. */
  get changes(): number {
    return this.#changes
  }

  /** The token that an API rejected last: not served again, even if the store still has it. */
  get rejected(): KeptToken | undefined {
    return this.#notes?.rejected
  }

  /** An answer of the server that the store has not taken yet. */
  get unsaved(): Unsaved | undefined {
    return this.#underWay?.unsaved
  }

  /** What goes on about it, to begin something or to join it. Not to be kept: when all of it is over it is another one. */
  get underWay(): UnderWay {
    this.#underWay ??= new UnderWay(over => {
      if (this.#underWay === over) this.#underWay = undefined
    })
    return this.#underWay
  }

  /** Whether the store need not be asked yet. */
  get isFresh(): boolean {
    return this.#known !== undefined && this.#isKnownWithin(this.place.copyMs)
  }

  /** Whether it was let go of: whoever still points here has to look again. */
  get isLetGo(): boolean {
    return this.#isLetGo
  }

  /** Takes in what was read or written: every copy follows. */
  learn(known: Known, now: number): Known {
    this.#noteAncestor(known.version)
    this.#known = known
    this.#knownAt = Math.floor(performance.now())
    if (this.#notes !== undefined) this.#notes.missingSince = undefined
    this.#changes++
    for (let entry = this.#entry; entry; entry = entry.next) entry.copy = this.#copyFrom(known.record, entry, now)
    this.#underWay?.wake()
    return known
  }

  /** The same, unless something else was learnt while the store answered: which of both is later the store has to say. */
  learnUnlessLater(known: Known, versionBefore: string | undefined, now: number): void {
    if (this.#known?.version === versionBefore) this.learn(known, now)
    else this.stale()
  }

  /** This process wrote the version: should the store have nothing any more, nobody else has removed it. */
  wrote(version: string): void {
    this.#writtenVersion = version
  }

  /** Every copy has to be compared with the store before it is used again. */
  stale(): void {
    this.#changes++
    this.serveUntil(Number.NEGATIVE_INFINITY)
    this.#underWay?.wake()
  }

  /**
   * Takes in that the store tells of a change.
   *
   * @param version of the record that was written, if it is known
   * @returns whether somebody has written where there was no record, though there should be the one that is known here
   */
  changed(version: string | undefined): boolean {
    if (version !== undefined && version === this.#known?.version) return false
    const isLost = isFirst(version) && this.#known?.record.refreshToken !== undefined
    // a late word of a version we have seen replaced says nothing about the one we know
    if (!isLost && !this.hasReplaced(version)) this.#knownAt = undefined
    this.stale()
    return isLost
  }

  /** Copies serve until an instant, though the store could not be asked: those of one entry, or all. */
  serveUntil(instant: number, entryKey?: string): void {
    for (let entry = this.#entry; entry; entry = entry.next)
      if (entry.copy !== undefined && (entryKey ?? entry.key) === entry.key) entry.copy = goodUntil(entry.copy, instant)
  }

  /** Whether a version was seen to be replaced by what is known. */
  hasReplaced(version: string | undefined): boolean {
    return version !== undefined && this.#notes?.ancestors.includes(version) === true
  }

  /**
   * What is to be done about what the store shows. A record that is known here and gone there is asked for, and not learnt
   * to be gone: whoever has a later one puts that back, or after a while we do what we have.
   */
  weigh(shown: Known): 'learn' | 'ask' | 'put_back' {
    if (this.#knowsLaterThan(shown)) return 'put_back'
    const isMissed = this.#known?.record.refreshToken !== undefined && isMissing(shown.record)
    if (!isMissed) return 'learn'
    const notes = this.#notesToTake()
    notes.missingSince ??= performance.now()
    if (performance.now() - notes.missingSince < askForMs) return 'ask'
    return this.#isKnownWithin(tombstoneMs) ? 'put_back' : 'learn'
  }

  /** An API rejected an access token: it is not served any more, if it is the one that was. */
  reject(entryKey: string, accessToken: string): void {
    for (let entry = this.#entry; entry; entry = entry.next) {
      if (entry.key !== entryKey || entry.copy?.tokenSet.accessToken !== accessToken) continue
      this.#notesToTake().rejected = entry.copy.token
      entry.copy = undefined
    }
  }

  /** The server answered. If it is the text that an API rejected, the server's word is that it is good. */
  trust(): void {
    if (this.#notes !== undefined) this.#notes.rejected = undefined
  }

  /** Whether something of a kind was not told yet; from now on it was. */
  tellOnce(kind: string, what: string): boolean {
    const notes = this.#notesToTake()
    if (notes.told[kind] === what) return false
    notes.told = { ...notes.told, [kind]: what }
    return true
  }

  /** Drops every copy, and detaches the requests under way: what comes next owes them nothing. */
  forget(): void {
    this.#known = { version: this.#known?.version, record: emptyRecord }
    if (this.#notes !== undefined) Object.assign(this.#notes, { rejected: undefined, told: untold })
    this.#changes++
    if (this.unsaved !== undefined) this.underWay.withdraw(this.unsaved)
    for (let entry = this.#entry; entry; entry = entry.next) {
      entry.copy = undefined
      entry.flight = undefined
    }
  }

  /** Lets go of it, unless something is under way that would be lost with it; returns whether. */
  letGo(): boolean {
    if (this.unsaved !== undefined) return false
    for (let entry = this.#entry; entry; entry = entry.next) if (entry.flight !== undefined) return false
    this.#isLetGo = true
    // by what was forgotten a late answer is known to be late
    if (this.#known?.record.ended !== 'forgotten') this.forget()
    return true
  }

  #notesToTake(): Notes {
    this.#notes ??= new Notes()
    return this.#notes
  }

  #isKnownWithin(milliseconds: number): boolean {
    return this.#knownAt !== undefined && performance.now() - this.#knownAt < milliseconds
  }

  /** What is known now has replaced what was known before, unless it is older itself. */
  #noteAncestor(version: string | undefined): void {
    const before = this.#known?.version
    const at = version === undefined ? -1 : (this.#notes?.ancestors.indexOf(version) ?? -1)
    if (at !== -1) this.#notes?.ancestors.splice(at)
    else if (before !== undefined && before !== version) this.#notesToTake().ancestors.push(before)
    if ((this.#notes?.ancestors.length ?? 0) > mostAncestors) this.#notes?.ancestors.shift()
  }

  #copyFrom(record: LineageRecord, { key, copy }: Entry, now: number): Copy | undefined {
    const token = record.accessTokens[key]
    if (token === undefined || isSameToken(token, this.rejected)) return undefined
    return copyOf(record, token, copy, { now, copyMs: this.place.copyMs })
  }

  /**
   * Whether the store has surely lost what came after what it shows, by a fail-over or a restart, so that it gets it back:
   * it shows what we have seen replaced, or a refresh token that is used up; or nothing, where we wrote last ourselves.
   * What was forgotten on purpose is not lost, but written.
   */
  #knowsLaterThan(shown: Known): boolean {
    const { version, record } = this.#known ?? nothing
    if (version === undefined || record.refreshToken === undefined) return false
    const isRecent = this.#isKnownWithin(this.place.isToldOfChanges ? trustMs : this.place.copyMs)
    if (shown.version === version || !isRecent) return false
    if (this.hasReplaced(shown.version)) return true
    const { refreshToken } = shown.record
    if (refreshToken === undefined) return this.#writtenVersion === version && isMissing(shown.record)
    return refreshToken !== record.refreshToken && knows(record, refreshToken)
  }
}

const untold: Readonly<Record<string, string>> = {}
