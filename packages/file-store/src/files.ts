/** What this package asks of a file system, and nothing else: so few steps that a test can stop after each of them. */
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rmdir, unlink, utimes } from 'node:fs/promises'

/** Paths are absolute. Every step rejects with the system's error, by its `code`. */
export interface Files {
  list(folder: string): Promise<string[]>
  /** The text of a file; a symbolic link is refused. */
  read(path: string): Promise<string>
  exists(path: string): Promise<boolean>
  /** When it was changed last, by the wall clock, in milliseconds since the epoch. */
  changedAt(path: string): Promise<number>
  /** A new folder that only its owner can enter. */
  makeFolder(path: string): Promise<void>
  /** Removes an empty folder. */
  removeFolder(path: string): Promise<void>
  /** A new file that only its owner can read; fails when there is anything of that name. */
  create(path: string): Promise<NewFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Waits until the names in a folder are on the disk. */
  sync(folder: string): Promise<void>
  /** Changes the time of a folder, which who watches its parent is told of. */
  touch(folder: string): Promise<void>
}

/** A file that is being written. */
export interface NewFile {
  write(text: string): Promise<void>
  /** Waits until the text is on the disk. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** The file system of this machine. */
export const systemFiles: Files = {
  list: folder => readdir(folder),
  async read(path) {
    // Windows has neither symbolic links that anybody may make nor this flag.
    const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    try {
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  },
  exists: path => isDone(lstat(path), 'ENOENT'),
  changedAt: async path => (await lstat(path)).mtimeMs,
  makeFolder: path => mkdir(path, { mode: 0o700 }),
  removeFolder: path => rmdir(path),
  async create(path) {
    const file = await open(path, 'wx', 0o600)
    return { write: text => file.writeFile(text), sync: () => file.sync(), close: () => file.close() }
  },
  rename: (from, to) => rename(from, to),
  remove: path => unlink(path),
  async sync(folder) {
    // Windows cannot open a folder; NTFS keeps a journal of names by itself.
    if (process.platform === 'win32') return
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async touch(folder) {
    const now = new Date()
    await utimes(folder, now, now)
  },
}

/** Whether a step was done: `false` when it failed with one of these codes, any other failure is thrown. */
export async function isDone(step: Promise<unknown>, ...codes: readonly string[]): Promise<boolean> {
  try {
    await step
    return true
  } catch (error) {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}
