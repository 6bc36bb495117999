/**
 * The compare-and-set of this package: a folder with a baton in it, a file whose name is the folder's state.
 *
 * `rename(2)` compares and sets at once: of all who rename `baton.A`, whatever they rename it to, one succeeds and the
 * others hear that it is not there. So there is no lock, nobody's death or standstill stops anybody else, and nothing
 * here depends on knowing who is alive. (A lock file needs that, to tell a dead owner from a stopped one. Numbered files
 * made by `link(2)` do not, but they can never be cleaned up: who read number 5 and comes late makes a 6 again.)
 * Why it holds, whenever any process stops or is stopped:
 *
 * 1. A folder has one baton from the start. It is built aside, baton included, and takes its place by one `rename(2)`,
 *    which fails where there is a folder that is not empty.
 * 2. From then on the baton is renamed or deleted, and never made anew. No state comes back, unless it means the very
 *    same: whoever decided on a state that is gone by now renames nothing.
 * 3. A folder without baton is done with: it never gets one again, is emptied, and removed by `rmdir(2)`, which fails
 *    for a folder that is not empty. So a late removal cannot hit its successor of the same name.
 */
import { dirname, join } from 'node:path'
import { TokenStoreError } from '@grantkit/core'
import { type Files, isDone } from './files.js'

/** A folder as it was found: its state, and the names of the other files in it. */
export interface Folder {
  readonly state: string
  readonly others: readonly string[]
}

/** Removes what nobody needs any more of the other files in a folder. */
export type Clean = (folder: string, others: readonly string[]) => Promise<void>

/**
 * The state of a folder, or `undefined` when there is none. What is left of a folder without baton is removed: that it
 * can be removed is the only proof that the baton was not overlooked, since a listing may miss a file being renamed.
 */
export async function look(files: Files, folder: string, clean: Clean = async () => {}): Promise<Folder | undefined> {
  return untilSettled(folder, async () => {
    const names = await listOf(files, folder)
    const states = names.filter(isBaton).map(stateOf)
    const others = names.filter(name => !isBaton(name))
    if (states.length === 1) return { found: { state: states[0] as string, others } }
    if (states.length > 1) return undefined
    if (others.length > 0) await clean(folder, others)
    return (await isRemoved(files, folder)) ? { found: undefined } : undefined
  }).then(({ found }) => found)
}

/** Makes a folder in a state, filled by `fill` first; `false` when there is one. */
export async function place(
  files: Files,
  { folder, aside, state }: { readonly folder: string; readonly aside: string; readonly state: string },
  fill: (folder: string) => Promise<void> = async () => {},
): Promise<boolean> {
  try {
    await files.makeFolder(aside)
    const baton = await files.create(join(aside, batonOf(state)))
    await baton.close()
    await fill(aside)
    if (await isDone(files.rename(aside, folder), ...occupied)) return true
    await discard(files, aside)
    return false
  } catch (error) {
    await discard(files, aside).catch(() => {})
    if (await wasSwept(files, error, [dirname(aside), dirname(folder)])) return false
    throw error
  }
}

/** Changes the state of a folder; `false` when it is not in the state `from`. */
export function pass(files: Files, folder: string, from: string, to: string): Promise<boolean> {
  return isDone(files.rename(join(folder, batonOf(from)), join(folder, batonOf(to))), 'ENOENT')
}

/** Ends a folder; `false` when it is not in this state. `look()` clears away what is left. */
export function drop(files: Files, folder: string, state: string): Promise<boolean> {
  return isDone(files.remove(join(folder, batonOf(state))), 'ENOENT')
}

/** Whether a folder is in this state. */
export function isIn(files: Files, folder: string, state: string): Promise<boolean> {
  return files.exists(join(folder, batonOf(state)))
}

/**
 * Removes a folder that was built aside, with all that is in it. One that its builder may yet put in place has to be
 * renamed first, so that no half of it can get there.
 */
export async function discard(files: Files, aside: string): Promise<void> {
  for (const name of await listOf(files, aside)) await isDone(files.remove(join(aside, name)), 'ENOENT')
  await isRemoved(files, aside)
}

/** The store holds what cannot be read: nobody but the user can decide what is to become of it. */
export function unreadable(path: string, reason: string): TokenStoreError {
  const problem = `${path} ${reason}; it is not taken for absent, since it may hold a refresh token: repair it or delete it`
  return new TokenStoreError(problem, { operation: 'read', retryable: false })
}

/**
 * Tries again while an attempt comes to nothing (`undefined`): then another process was quicker, so some process always
 * gets on. Only a folder that somebody else has put something into never settles.
 */
export async function untilSettled<T>(folder: string, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let attempts = 0; attempts < 1_000; attempts++) {
    const outcome = await attempt()
    if (outcome !== undefined) return outcome
  }
  throw unreadable(
    folder,
    'has more or fewer than one file that begins with "baton.", or files that are not of this store',
  )
}

/** What `rename(2)` says of a folder over one that is not empty; Windows says it of any. */
const occupied = process.platform === 'win32' ? ['EPERM', 'EACCES', 'EEXIST', 'ENOTEMPTY'] : ['EEXIST', 'ENOTEMPTY']

/** Whether what was being built was taken for left over: it is gone, and not the folder it was in. */
async function wasSwept(files: Files, error: unknown, parents: readonly string[]): Promise<boolean> {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false
  for (const parent of parents) if (!(await files.exists(parent))) return false
  return true
}

const prefix = 'baton.'
const isBaton = (name: string) => name.startsWith(prefix)
const batonOf = (state: string) => `${prefix}${state}`
const stateOf = (baton: string) => baton.slice(prefix.length)

async function listOf(files: Files, folder: string): Promise<string[]> {
  try {
    return await files.list(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function isRemoved(files: Files, folder: string): Promise<boolean> {
  try {
    return await isDone(files.removeFolder(folder), 'ENOTEMPTY', 'EEXIST')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}
