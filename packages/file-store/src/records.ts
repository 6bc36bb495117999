/**
 * Records: a folder for each. Its state names the file with the record's text, which is on the disk before the state
 * says so: write a new file, fsync it, fsync the folder, rename the baton, fsync the folder. Only then may the file of
 * the last state go. Wherever that stops, by a crash of the machine too, the old or the new record is there whole.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { RecordToKeep, StoredRecord } from '@grantkit/core/kit'
import { drop, isIn, look, pass, place, unreadable } from './baton.js'
import { type Files, isDone } from './files.js'
import type { Machine } from './machine.js'

/** A record as it was found. */
export interface KeptRecord extends StoredRecord {
  /** The state of its folder. */
  readonly state: string
  /** The file with its text. */
  readonly path: string
  /** Whether its time is over. */
  readonly isOver: boolean
}

export interface Records {
  /** What is found may not be on the disk yet; whoever writes over it, or says that it is written, sees to that first. */
  read(name: string): Promise<KeptRecord | undefined>
  /** Writes a record over the one that was found; `false` when that is not there any more, or one has come. */
  write(name: string, found: KeptRecord | undefined, record: RecordToKeep): Promise<boolean>
  /** Deletes the record that was found; `false` when it is not there any more. */
  remove(name: string, found: KeptRecord): Promise<boolean>
  /** Waits until a record that was found is on the disk: whoever wrote it may not have come to that. */
  settle(name: string): Promise<void>
  /** Removes a record whose time is over, and what is left of others. */
  sweep(name: string): Promise<void>
}

/** Records below a folder; `aside` is where new ones are built. */
export function records(files: Files, machine: Machine, folder: string, aside: string): Records {
  const clean = (path: string, others: readonly string[]) => removeUnused(files, path, others)

  const read = async (name: string): Promise<KeptRecord | undefined> => {
    const path = join(folder, name)
    for (let last: string | undefined; ; ) {
      const found = await look(files, path, clean)
      if (found === undefined) return undefined
      const file = found.others.find(other => textOf.exec(other)?.groups?.state === found.state)
      const text = file && (await readIfThere(files, join(path, file)))
      if (text !== undefined) return { ...parse(join(path, file ?? ''), text, machine), state: found.state }
      // A state that was there before the listing began had its text by then.
      if (found.state === last) throw unreadable(path, `lacks the file that ends in ${last}.json`)
      last = found.state
    }
  }

  const create = async (path: string, text: string) => {
    const state = newState()
    const placed = await place(files, { folder: path, aside: join(aside, randomUUID()), state }, async unfinished => {
      await writeDurably(files, join(unfinished, nameOfText(none, state)), text)
      await files.sync(unfinished)
    })
    if (placed) await files.sync(folder)
    return placed
  }

  const replace = async (path: string, last: KeptRecord, text: string) => {
    const state = newState()
    const file = join(path, nameOfText(last.state, state))
    const prepared = await isDone(prepare(file, path, text), 'ENOENT')
    if (!prepared) return false
    if (!(await pass(files, path, last.state, state))) {
      await isDone(files.remove(file), 'ENOENT')
      return false
    }
    await files.sync(path)
    await ifPossible(files.remove(last.path))
    await ifPossible(files.touch(path))
    return true
  }

  const prepare = async (file: string, path: string, text: string) => {
    try {
      await writeDurably(files, file, text)
      await files.sync(path)
    } catch (error) {
      await ifPossible(files.remove(file))
      throw error
    }
  }

  const remove = async (name: string, { state }: KeptRecord) => {
    const path = join(folder, name)
    if (!(await drop(files, path, state))) return false
    // Clears up, and with the text it removes it first makes sure that the baton is gone from the disk too.
    await look(files, path, clean)
    await files.sync(folder)
    return true
  }

  return {
    read,
    remove,
    async write(name, found, record) {
      const path = join(folder, name)
      const text = serialize(record, machine)
      return found === undefined ? create(path, text) : replace(path, found, text)
    },
    async settle(name) {
      await isDone(files.sync(join(folder, name)), 'ENOENT')
      await files.sync(folder)
    },
    async sweep(name) {
      const found = await read(name)
      if (found?.isOver) await remove(name, found)
      const left = await look(files, join(folder, name), clean)
      if (left !== undefined && left.others.length > 1) await clean(join(folder, name), left.others)
    },
  }
}

/** The state a text was written over, and the one it belongs to. */
const textOf = /^(?<last>\w+)\.(?<state>\w+)\.json$/
const none = 'none'
const nameOfText = (last: string, state: string) => `${last}.${state}.json`
const newState = () => randomUUID().replaceAll('-', '')

/**
 * A text is of no use once the folder is neither in the state it was written over nor, asked after that, in its own:
 * then whoever wrote it was late, or it has been replaced. The folder may have changed only just now, so that goes to
 * the disk first: no state may come back in a crash whose text is gone.
 */
async function removeUnused(files: Files, path: string, names: readonly string[]): Promise<void> {
  const unused: string[] = []
  for (const name of names) {
    const { last, state } = textOf.exec(name)?.groups ?? {}
    if (last === undefined || state === undefined) continue
    if (!(await isIn(files, path, last)) && !(await isIn(files, path, state))) unused.push(name)
  }
  if (unused.length === 0) return
  await isDone(files.sync(path), 'ENOENT')
  for (const name of unused) await isDone(files.remove(join(path, name)), 'ENOENT')
}

async function writeDurably(files: Files, path: string, text: string): Promise<void> {
  const file = await files.create(path)
  try {
    await file.write(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function readIfThere(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.read(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** What is left undone here is done by a sweep, or not missed. */
async function ifPossible(step: Promise<unknown>): Promise<void> {
  await step.catch(() => {})
}

/** As it stands in the file. */
interface Text {
  readonly format: 1
  readonly version: string
  readonly value: string
  readonly until: End | null
}

/** When a record's time is over, by two clocks: the wall clock may be set, the other one starts anew with the system. */
interface End {
  readonly epochMs: number
  readonly boot: string
  readonly sinceBootMs: number
}

function serialize({ version, value, keepForMs }: RecordToKeep, machine: Machine): string {
  const text: Text = { format: 1, version, value, until: keepForMs === undefined ? null : endAfter(keepForMs, machine) }
  return JSON.stringify(text)
}

function parse(path: string, text: string, machine: Machine): Omit<KeptRecord, 'state'> {
  const record = parseJson(text)
  if (!isText(record)) throw unreadable(path, 'is not a whole record of this version of the store')
  const { version, value, until } = record
  return { version, value, path, isOver: until !== null && isOver(until, machine) }
}

/** Without the parser's error: it may quote what it read. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isText(record: unknown): record is Text {
  const { format, version, value, until } = (record ?? {}) as Partial<Text>
  return format === 1 && typeof version === 'string' && typeof value === 'string' && typeof until === 'object'
}

function endAfter(keepForMs: number, machine: Machine): End {
  const { boot } = machine
  return { epochMs: machine.epochMs() + keepForMs, boot, sinceBootMs: machine.sinceBootMs() + keepForMs }
}

function isOver({ epochMs, boot, sinceBootMs }: End, machine: Machine): boolean {
  const isThisBoot = boot !== '' && boot === machine.boot
  return isThisBoot ? machine.sinceBootMs() >= sinceBootMs : machine.epochMs() >= epochMs
}
