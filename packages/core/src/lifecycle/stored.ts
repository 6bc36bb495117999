/**
 * A lineage's record in its store: read, and written by compare-and-set. What records mean is in `record.ts`, when
 * something is sent in `renewal.ts` and `refresh.ts`.
 */
import { outOfContext } from '../context.js'
import { TokenStoreError } from '../errors.js'
import type { RecordToKeep } from '../store/token-store.js'
import { firstVersion, type Known, type Lineage, learn, learnUnlessLater, newVersion, type Unsaved } from './held.js'
import {
  askForMs,
  asking,
  discarded,
  emptyRecord,
  isEmpty,
  isMissing,
  keepForMs,
  knows,
  type LineageRecord,
} from './record.js'

/** The time a record's instants are compared with. */
type Now = () => number

/** Reads the record for whoever wants it now; one read serves all. */
export function load(lineage: Lineage, now: Now): Promise<void> {
  lineage.reading ??= read(lineage, now)
    .then(() => {})
    .finally(() => {
      lineage.reading = undefined
    })
  return lineage.reading
}

/**
 * Step `re_read`: the record as it is in the store after this call began. One that is known here and gone there is asked
 * for, and not learnt to be gone: whoever has a later one puts that back, or after a while we do what we have.
 *
 * @throws TokenStoreError when the store fails, or goes on showing what has been replaced
 */
export async function read(lineage: Lineage, now: Now): Promise<Known> {
  if (lineage.unsaved !== undefined) await flush(lineage, now)
  for (let tries = 0; ; tries++) {
    const { epoch } = lineage
    const shown = await fetchRecord(lineage)
    const isLast = tries === mostTries
    // what was learnt while the store answered is later than its answer
    if (lineage.epoch !== epoch && !isLast) continue
    const isMissed = lineage.known?.record.refreshToken !== undefined && isMissing(shown.record)
    if (isMissed && !hasLost(lineage, shown) && isWaitedFor(lineage)) return ask(lineage, shown, now())
    if (!hasLost(lineage, shown) && !(isMissed && isWorthPuttingBack(lineage))) return learn(lineage, shown, now())
    if (isLast) throw keepsChanging('get')
    await write(lineage, shown, lineage.known?.record ?? emptyRecord, now)
  }
}

function isWaitedFor(lineage: Lineage): boolean {
  lineage.missingSince ??= performance.now()
  return performance.now() - lineage.missingSince < askForMs
}

/** What was forgotten leaves a tombstone for an hour: a record that is gone within that was lost. */
function isWorthPuttingBack({ knownAt }: Lineage): boolean {
  return performance.now() - knownAt < 3_600_000
}

/** Writes down that the record is missed, for those who are told of changes; copies serve meanwhile. */
async function ask(lineage: Lineage, { version, record }: Known, now: number): Promise<Known> {
  for (const entry of lineage.entries.values())
    if (entry.copy !== undefined) entry.copy = { ...entry.copy, goodUntil: now + 1_000 }
  if (version !== undefined && record.asked !== undefined) return { version, record }
  const asked = { version: firstVersion(), record: asking(now) }
  const kept = { version: asked.version, value: textOf(asked.record), keepForMs: keepForMs(asked.record, now) }
  const isAsked = await lineage.store.compareAndSet(lineage.key, version, kept)
  return isAsked ? asked : { version, record: asked.record }
}

/**
 * Gives those who know of a later record the time to put it back, after one was written where there was none: some round
 * trips of the store, which is more than they need.
 */
export async function letOthersObject(lineage: Lineage, now: Now): Promise<void> {
  for (let trips = 0; trips < 5 && lineage.known?.version?.startsWith('first-'); trips++) {
    await read(lineage, now)
    await new Promise(setImmediate)
  }
}

/** Others may come first now and then, not every time: then the store is at fault, or its replicas disagree. */
const mostTries = 20

/** For who has come second each time. */
export function keepsChanging(operation: string): TokenStoreError {
  return new TokenStoreError('the record is another one each time', { operation })
}

/**
 * Writes a record over the one that is known.
 *
 * @returns `undefined` when somebody else has written since
 */
export async function write(
  lineage: Lineage,
  over: Known,
  record: LineageRecord,
  now: Now,
): Promise<Known | undefined> {
  const known = { version: isMissing(over.record) ? firstVersion() : newVersion(), record }
  return (await put(lineage, over.version, known, now)) ? known : undefined
}

/** Writes whatever a change makes of the record, also when others come first. */
export async function update(
  lineage: Lineage,
  change: (record: LineageRecord) => LineageRecord,
  now: Now,
): Promise<void> {
  for (let tries = 0; tries < mostTries; tries++) {
    const over = await read(lineage, now)
    const record = change(over.record)
    if (record === over.record || (await write(lineage, over, record, now)) !== undefined) return
  }
  throw keepsChanging('compareAndSet')
}

/** Drops an access token that an API rejected, here and in the store, if it is still the one that is kept there. */
export async function discard(lineage: Lineage, entry: string, accessToken: string, now: Now): Promise<void> {
  const held = lineage.entries.get(entry)
  if (held?.copy?.tokenSet.accessToken === accessToken) {
    lineage.rejected = held.copy.token
    held.copy = undefined
  }
  await update(lineage, record => discarded(record, entry, accessToken), now)
}

/**
 * Step `save`: writes what came of a request over the record as it is now, where that is allowed; never over a later word.
 * A store that fails is asked again, for `patienceMs` by the caller and by a timer after that.
 *
 * @returns whether it is kept; `false` when there is a later word
 * @throws TokenStoreError when that is not known; it is still being tried
 */
export async function save(
  lineage: Lineage,
  change: Unsaved['change'],
  mayReplace: Unsaved['mayReplace'],
  { now, patienceMs }: { now: Now; patienceMs: number },
): Promise<boolean> {
  const { unsaved: pending } = lineage
  if (pending !== undefined && !mayReplace(asIfKept(lineage, pending))) return false
  const unsaved: Unsaved = { version: newVersion(), change, mayReplace, isKept: undefined }
  lineage.unsaved = unsaved
  const giveUpAt = performance.now() + patienceMs
  for (;;) {
    try {
      await flush(lineage, now)
      // somebody who read the record may have written it, and `forget()` or a login may have taken it away
      return unsaved.isKept ?? false
    } catch (error) {
      unsaved.isRefused = (error as Partial<TokenStoreError>).retryable === false
      if (unsaved.isRefused || performance.now() >= giveUpAt) {
        flushLater(lineage, now)
        throw error
      }
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

function asIfKept({ known = nothing }: Lineage, { version, change }: Unsaved): Known {
  return { version, record: change(known.record) }
}

/** Tries what is unsaved once. */
async function flush(lineage: Lineage, now: Now): Promise<void> {
  const { unsaved } = lineage
  if (unsaved === undefined) return
  unsaved.isKept = await putUnsaved(lineage, unsaved, now)
  if (lineage.unsaved === unsaved) lineage.unsaved = undefined
}

async function putUnsaved(lineage: Lineage, { version, change, mayReplace }: Unsaved, now: Now): Promise<boolean> {
  let current = lineage.known ?? nothing
  // somebody who read the record has written it already
  if (current.version === version) return true
  for (let tries = 0; tries < mostTries; tries++) {
    const known = { version, record: change(current.record) }
    if (mayReplace(current) && (await put(lineage, current.version, known, now))) return true
    const { version: knownBefore } = lineage.known ?? nothing
    current = await fetchRecord(lineage)
    const isKept = current.version === version
    if (mayReplace(current) && !isKept) continue
    learnUnlessLater(lineage, current, knownBefore, now())
    return isKept
  }
  throw keepsChanging('compareAndSet')
}

/** One timer for each lineage, until it is kept; for as long as the process lives, since nobody else has it. */
function flushLater(lineage: Lineage, now: Now): void {
  if (lineage.isFlushing) return
  lineage.isFlushing = true
  const again = async () => {
    lineage.isFlushing = false
    await flush(lineage, now).catch(() => flushLater(lineage, now))
  }
  outOfContext(() => setTimeout(again, lineage.unsaved?.isRefused ? 5_000 : 250).unref())
}

/**
 * How long what this process knows of a record counts against what the store shows, unless it is told of a change. Far less
 * than tombstones are kept.
 */
const trustMs = 600_000

/**
 * Whether the store has surely lost what came after what it shows, by a fail-over or a restart, so that it gets it back: it
 * shows what we have seen replaced, or a refresh token that is used up; or nothing, where we wrote last ourselves. What was
 * forgotten on purpose is not lost, but written.
 */
function hasLost(lineage: Lineage, shown: Known): boolean {
  const { known, knownAt, ancestors, writtenVersion, isToldOfChanges, copyMs } = lineage
  if (known?.version === undefined || known.record.refreshToken === undefined) return false
  const isOld = performance.now() - knownAt >= (isToldOfChanges ? trustMs : copyMs)
  if (shown.version === known.version || isOld) return false
  if (shown.version !== undefined && ancestors.includes(shown.version)) return true
  const { refreshToken } = shown.record
  if (refreshToken === undefined) return writtenVersion === known.version && isMissing(shown.record)
  return refreshToken !== known.record.refreshToken && knows(known.record, refreshToken)
}

async function fetchRecord({ store, key }: Lineage): Promise<Known> {
  const stored = await store.get(key)
  return stored === undefined ? nothing : { version: stored.version, record: parseRecord(stored.value) }
}

const nothing: Known = { version: undefined, record: emptyRecord }

/** Keeps a record, or deletes it when nothing is left in it. */
async function put(
  lineage: Lineage,
  expected: string | undefined,
  known: Known & { version: string },
  now: Now,
): Promise<boolean> {
  const { key, store } = lineage
  const record: RecordToKeep = {
    version: known.version,
    value: textOf(known.record),
    keepForMs: keepForMs(known.record, now()),
  }
  const { version: knownBefore } = lineage.known ?? nothing
  if (isEmpty(known.record)) {
    if (expected !== undefined && !(await store.delete(key, expected))) return false
    learnUnlessLater(lineage, nothing, knownBefore, now())
    return true
  }
  if (!(await store.compareAndSet(key, expected, record))) return false
  lineage.writtenVersion = known.version
  learnUnlessLater(lineage, known, knownBefore, now())
  return true
}

/** Counts up when a record can no longer be read by the release before. */
const format = 1

function textOf(record: LineageRecord): string {
  return JSON.stringify({ format, ...record })
}

function parseRecord(value: string): LineageRecord {
  const { format: written, ...record } = parseJson(value) ?? {}
  if (written === format) return { ...emptyRecord, ...record }
  const problem = 'the record is none of ours, or was written by a later release'
  throw new TokenStoreError(problem, { operation: 'get', retryable: false })
}

/** Its error is left out: it quotes the text. */
function parseJson(value: string): (Partial<LineageRecord> & { format?: number }) | undefined {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}
