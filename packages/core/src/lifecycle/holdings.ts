/**
 * What this process holds of each store: the lineages in use, so that sources built for each request share tokens and
 * requests all the same. Bounded; the store has the rest.
 */
import { outOfContext } from '../context.js'
import { type BoundedStore, boundedStore } from '../store/bounded-store.js'
import { memoryStore } from '../store/memory-store.js'
import { type ChangeListener, checkStore, type TokenStore } from '../store/token-store.js'
import { type Entry, Lineage, type Place } from './lineage.js'
import { type OpenSource, openSources } from './open-sources.js'

/** What is held of one store. */
export interface Holdings {
  /** Whether the store was named by the user, so that its keys must mean the same in other processes. */
  readonly isShared: boolean
  /** The store as everybody here asks it. */
  readonly store: BoundedStore
  /**
   * A source that is open until it is released.
   *
   * @param keepForMs how long its records are kept after they were written last, at most; default: what they are worth
   */
  open(space: string, keepForMs?: number): OpenSource
  /** The entry under two keys of `token-key.ts`, made empty when there is none. */
  entry(lineageKey: string, entryKey: string, source?: OpenSource): Entry
  /** Lets go of a lineage whose tokens were forgotten, unless there are others: the store has what is left to be known. */
  letGo(lineage: Lineage): void
  /** Lets go of what no open source may want any more; in the memory of this process, of the records too. */
  release(source: OpenSource): Promise<void>
  /** Called when somebody wrote where there was no record, though there should be one by what is known here. */
  missed: ((lineage: Lineage) => void) | undefined
}

let processStore: TokenStore | undefined
const byStore = new WeakMap<TokenStore, Holdings>()

/** What is held of a store; without one, of the memory store of this process. */
export function holdingsOf(store: TokenStore | undefined): Holdings {
  processStore ??= memoryStore()
  const chosen = store ?? processStore
  let holdings = byStore.get(chosen)
  if (holdings === undefined) {
    holdings = newHoldings(chosen, store !== undefined)
    byStore.set(chosen, holdings)
  }
  return holdings
}

/**
 * A store as token sources ask it, for what else is kept there: one outside this process has a time limit, gets no more at
 * once than it can answer, both together with the tokens, and rests once it failed.
 *
 * @throws TypeError where it is no store, or would keep records in the clear outside this process
 */
export function boundedStoreOf(store: TokenStore): BoundedStore {
  checkStore(store)
  return holdingsOf(store).store
}

const mostLineages = 100_000
const copyMs = 10_000

function newHoldings(store: TokenStore, isShared: boolean): Holdings {
  const lineages = new Map<string, Lineage>()
  const place = placeOf(store, () => {
    for (const lineage of lineages.values()) lineage.stale()
  })
  const { open, close } = openSources()
  /** One for each limit, since a lineage of its own has no room for it. */
  const keeping = new Map<number | undefined, Place>([[undefined, place]])
  const placeKeeping = (keepForMs: number | undefined): Place => {
    const kept = keeping.get(keepForMs) ?? { ...place, keepForMs }
    keeping.set(keepForMs, kept)
    return kept
  }
  const find = (key: string, { space, keepForMs }: OpenSource): Lineage => {
    let lineage = lineages.get(key)
    if (lineage === undefined) {
      if (lineages.size >= mostLineages) makeRoom(lineages)
      lineage = new Lineage(key, space, placeKeeping(keepForMs))
      lineages.set(key, lineage)
    }
    return lineage
  }
  const letGo = (lineage: Lineage) => {
    if (!lineage.letGo()) return
    if (lineages.get(lineage.key) === lineage) lineages.delete(lineage.key)
    forgetLastMatch()
  }
  const holdings: Holdings = {
    isShared,
    store: place.store,
    missed: undefined,
    open,
    letGo,
    entry: (lineageKey, entryKey, source = { space: '' }) => find(lineageKey, source).entry(entryKey),
    async release(source) {
      if (!close(source)) return
      for (const lineage of lineages.values()) {
        if (lineage.space !== source.space) continue
        letGo(lineage)
        if (!isShared && lineage.isLetGo) await remove(lineage)
      }
    },
  }
  // only the store points to the listener, and the listener to the lineages: when the store is collected, all of it is
  const changed: ChangeListener = (key, version) => {
    const lineage = lineages.get(key)
    if (lineage?.changed(version)) holdings.missed?.(lineage)
  }
  outOfContext(() => store.watch?.(changed))
  return holdings
}

/** A copy of what is in this process anyway is good until the store tells of a change: nobody else can write there. */
function placeOf(store: TokenStore, lookAgain: () => void): Place {
  const inProcess = store.secrecy === 'process'
  return {
    store: inProcess ? store : boundedStore(store, lookAgain),
    copyMs: inProcess ? Number.POSITIVE_INFINITY : copyMs,
    isToldOfChanges: store.watch !== undefined,
  }
}

/** Lets go of a tenth, the oldest first: the store still has them. */
function makeRoom(lineages: Map<string, Lineage>): void {
  let room = mostLineages / 10
  for (const [key, lineage] of lineages) {
    if (room === 0) return
    if (!lineage.letGo()) continue
    lineages.delete(key)
    room--
  }
}

/** V8 keeps the text that a regular expression matched last in memory, and that may have been a token. */
function forgetLastMatch(): void {
  ;/^/.test('')
}

async function remove({ place: { store }, key }: Lineage): Promise<void> {
  const kept = await store.get(key)
  if (kept !== undefined) await store.delete(key, kept.version)
}
