/**
 * A lineage's record in its store: read, and written by compare-and-set. What records mean is in `record.ts`, when
 * something is sent in `renewal.ts` and `refresh.ts`.
 */
import { type AtOnce, after } from '../at-once.js'
import type { Clock } from '../clock.js'
import { TokenStoreError } from '../errors.js'
import { recordsOf } from '../store/memory-store.js'
import type { StoredRecord } from '../store/token-store.js'
import type { Lineage } from './lineage.js'
import { asking, discarded, emptyRecord, type LineageRecord } from './record.js'
import { RecordWithText } from './record-text.js'
import type { Unsaved } from './under-way.js'
import { firstVersion, isFirst, type Known, newVersion, nothing, ownVersion } from './version.js'
import { isEmpty, isMissing, keepForMs as worthKeepingForMs } from './worth.js'

/** Others may come first now and then, not every time: then the store is at fault, or its replicas disagree. */
const mostTries = 20

/**
 * A lineage's record in its store, by the clock of one client. Clients with different clocks may share a store and a
 * lineage, so the clock is the view's and not the lineage's. The view has no other state: one is made whenever the store is
 * to be asked, and a token that rests has none.
 */
export class StoredLineage {
  readonly #lineage: Lineage
  readonly #clock: Clock

  constructor(lineage: Lineage, clock: Clock) {
    this.#lineage = lineage
    this.#clock = clock
  }

  /** Reads the record for whoever wants it now; one read serves all. */
  load(): Promise<void> {
    return this.#lineage.underWay.joinRead(() => this.read())
  }

  /**
   * Step `re_read`: the record as it is in the store after this call began. What the store has lost it is given back.
   *
   * @throws TokenStoreError when the store fails, or goes on showing what has been replaced
   */
  read(): AtOnce<Known> {
    return this.#lineage.unsaved === undefined ? this.#read() : this.#flush().then(() => this.#read())
  }

  #read(tries = 0): AtOnce<Known> {
    const lineage = this.#lineage
    const { changes } = lineage
    return after(this.#fetch(), shown => {
      const isLast = tries === mostTries
      // what was learnt while the store answered is later than its answer
      if (lineage.changes !== changes && !isLast) return this.#read(tries + 1)
      const next = lineage.weigh(shown)
      if (next === 'ask') return this.#ask(shown)
      if (next === 'learn') return this.learn(shown)
      if (isLast) throw keepsChanging('get')
      return after(this.write(shown, lineage.known?.record ?? emptyRecord), () => this.#read(tries + 1))
    })
  }

  /** Takes in what the store has, or should have. */
  learn(known: Known): Known {
    return this.#lineage.learn(known, this.#clock.now())
  }

  /**
   * Writes a record over the one that is known.
   *
   * @returns `undefined` when somebody else has written since
   */
  write(over: Known, record: LineageRecord): AtOnce<Known | undefined> {
    const version = this.#newVersion()
    const known = { version: isMissing(over.record) ? firstVersion(version) : version, record }
    return after(this.#put(over.version, known), isKept => (isKept ? known : undefined))
  }

  /** Writes whatever a change makes of the record, also when others come first. */
  update(change: (record: LineageRecord) => LineageRecord, tries = 1): AtOnce<void> {
    return after(this.read(), over => {
      const record = change(over.record)
      if (record === over.record) return
      return after(this.write(over, record), written => {
        if (written !== undefined) return
        if (tries === mostTries) throw keepsChanging('compareAndSet')
        return this.update(change, tries + 1)
      })
    })
  }

  /** Drops an access token that an API rejected, here and in the store, if it is still the one that is kept there. */
  async discard(entryKey: string, accessToken: string): Promise<void> {
    this.#lineage.reject(entryKey, accessToken)
    await this.update(record => discarded(record, entryKey, accessToken))
  }

  /**
   * Step `save`: writes what came of a request over the record as it is now, where that is allowed; never over a later
   * word. A store that fails is asked again, for `patienceMs` by the caller and by a timer after that, for as long as the
   * process lives, since nobody else has it.
   *
   * @returns whether it is kept; `false` when there is a later word
   * @throws TokenStoreError when that is not known; it is still being tried
   */
  async save(change: Unsaved['change'], mayReplace: Unsaved['mayReplace'], patienceMs: number): Promise<boolean> {
    const pending = this.#lineage.unsaved
    if (pending !== undefined && !mayReplace(this.#asIfKept(pending))) return false
    const unsaved: Unsaved = { version: this.#newVersion(), change, mayReplace, isKept: undefined }
    this.#lineage.underWay.offer(unsaved)
    const giveUpAt = performance.now() + patienceMs
    for (;;) {
      try {
        await this.#flush()
        // somebody who read the record may have written it, and `forget()` or a login may have taken it away
        return unsaved.isKept ?? false
      } catch (error) {
        unsaved.isRefused = (error as Partial<TokenStoreError>).retryable === false
        if (unsaved.isRefused || performance.now() >= giveUpAt) {
          this.#flushLater()
          throw error
        }
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    }
  }

  /**
   * Gives those who know of a later record the time to put it back, after one was written where there was none: some round
   * trips of the store, which is more than they need. Nobody else can have one where the store is this process's own, and
   * nobody is told where the store tells of no changes.
   */
  letOthersObject(): AtOnce<void> {
    const mayBeElsewhere = this.#lineage.place.isToldOfChanges && !this.#isInProcess
    return mayBeElsewhere ? this.#readWhileFirst() : undefined
  }

  async #readWhileFirst(): Promise<void> {
    for (let trips = 0; trips < 5 && isFirst(this.#lineage.known?.version); trips++) {
      await this.read()
      await new Promise(setImmediate)
    }
  }

  /** Writes down that the record is missed, for those who are told of changes; copies serve meanwhile. */
  async #ask({ version, record }: Known): Promise<Known> {
    const now = this.#clock.now()
    this.#lineage.serveUntil(now + 1_000)
    if (version !== undefined && record.asked !== undefined) return { version, record }
    const asked = { version: firstVersion(this.#newVersion()), record: asking(now) }
    const isAsked = await this.#offer(version, new RecordWithText(asked))
    return isAsked ? asked : { version, record: asked.record }
  }

  #newVersion(): string {
    return this.#isInProcess ? ownVersion() : newVersion()
  }

  /** Whether nobody else can have the store. */
  get #isInProcess(): boolean {
    return this.#lineage.place.copyMs === Number.POSITIVE_INFINITY
  }

  #asIfKept({ version, change }: Unsaved): Known {
    return { version, record: change((this.#lineage.known ?? nothing).record) }
  }

  /** Tries once to write what is unsaved. */
  async #flush(): Promise<void> {
    const { unsaved } = this.#lineage
    if (unsaved === undefined) return
    unsaved.isKept = await this.#putUnsaved(unsaved)
    this.#lineage.underWay.withdraw(unsaved)
  }

  #flushLater(): void {
    this.#lineage.underWay.writeLater(() => this.#flush().catch(() => this.#flushLater()))
  }

  async #putUnsaved({ version, change, mayReplace }: Unsaved): Promise<boolean> {
    let current = this.#lineage.known ?? nothing
    // somebody who read the record has written it already
    if (current.version === version) return true
    for (let tries = 0; tries < mostTries; tries++) {
      const known = { version, record: change(current.record) }
      if (mayReplace(current) && (await this.#put(current.version, known))) return true
      const { version: versionBefore } = this.#lineage.known ?? nothing
      current = await this.#fetch()
      const isKept = current.version === version
      if (mayReplace(current) && !isKept) continue
      this.#lineage.learnUnlessLater(current, versionBefore, this.#clock.now())
      return isKept
    }
    throw keepsChanging('compareAndSet')
  }

  #fetch(): AtOnce<Known> {
    const { key, place } = this.#lineage
    const store = recordsOf(place.store) ?? place.store
    return after<StoredRecord | undefined, Known>(store.get(key), stored =>
      stored === undefined ? nothing : RecordWithText.from(stored),
    )
  }

  /** Keeps a record, or deletes it when nothing is left in it. */
  #put(expected: string | undefined, known: Known & { version: string }): AtOnce<boolean> {
    const { version: versionBefore } = this.#lineage.known ?? nothing
    const kept = isEmpty(known.record) ? undefined : new RecordWithText(known)
    return after(kept === undefined ? this.#remove(expected) : this.#offer(expected, kept), isDone => {
      if (!isDone) return false
      if (kept !== undefined) this.#lineage.wrote(kept.version)
      this.#lineage.learnUnlessLater(kept ?? nothing, versionBefore, this.#clock.now())
      return true
    })
  }

  #remove(expected: string | undefined): AtOnce<boolean> {
    const { key, place } = this.#lineage
    return expected === undefined || place.store.delete(key, expected)
  }

  /** The memory of the process gets the object, every other store the text. */
  #offer(expected: string | undefined, offered: RecordWithText): AtOnce<boolean> {
    const { key, place } = this.#lineage
    const keepForMs = worthKeepingForMs(offered.record, this.#clock.now(), place.keepForMs)
    const records = recordsOf(place.store)
    if (records !== undefined) return records.compareAndSet(key, expected, offered, keepForMs)
    const { version, value } = offered
    return place.store.compareAndSet(key, expected, { version, value, keepForMs })
  }
}

/** For who has come second each time. */
export function keepsChanging(operation: string): TokenStoreError {
  return new TokenStoreError('the record is another one each time', { operation })
}
