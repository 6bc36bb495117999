/** The store's directory: nobody's but its owner's. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  type Stats,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { optionError } from '@grantkit/core/kit'

/** The three folders in it. */
export interface Directory {
  readonly records: string
  readonly leases: string
  /** Where new folders are built, to be put into one of the others. */
  readonly aside: string
}

/**
 * Makes what is missing, for its owner alone.
 *
 * @throws TypeError naming the option, when somebody else can read, change or replace it
 */
export function openDirectory(path: string): Directory {
  try {
    return makeDirectory(path)
  } catch (error) {
    throw 'option' in Object(error) ? error : optionError('directory', problemWith(path, Object(error)), error)
  }
}

function problemWith(path: string, { code = '', path: place = path }: NodeJS.ErrnoException): string {
  const problem = problems[code] ?? 'cannot be made or used'
  return `${path} ${problem} (${code}${place === path ? '' : ` at ${place}`})`
}

const problems: Readonly<Record<string, string>> = {
  EEXIST: 'is no directory, or what has its place in it is none: give a path where a directory can be made',
  ENOTDIR: 'leads through something that is no directory',
  ENOENT: 'cannot be made: give a path whose parent is there',
  EACCES: 'may not be made or opened by this user: make it first, and give it to this user with mode 700',
  EPERM: 'may not be made or opened by this user: make it first, and give it to this user with mode 700',
  EROFS: 'lies on a file system that is mounted read-only: give one that can be written to',
  ENOSPC: 'has no room: the disk is full',
  EDQUOT: 'has no room: the quota of this user is used up',
  ENAMETOOLONG: 'has a name that is too long for the file system',
  ELOOP: 'is a symbolic link that leads to itself',
}

function makeDirectory(path: string): Directory {
  const made = makeFolders(path)
  checkOwner(path)
  const directory = { records: join(path, 'records'), leases: join(path, 'leases'), aside: join(path, 'new') }
  for (const folder of Object.values(directory)) makeFolders(folder)
  sync(path)
  if (made) sync(dirname(path))
  return directory
}

/** Whether there was any to make. Node 20 tries for ever where the system says that a parent is not there though it is. */
function makeFolders(path: string): boolean {
  const missing: string[] = []
  for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder)
  for (const folder of missing) makeFolder(folder)
  if (!statSync(path).isDirectory()) throw Object.assign(new Error('it is no directory'), { code: 'EEXIST', path })
  return missing.length > 0
}

/** Unless another process is quicker. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (!existsSync(folder)) throw error
  }
}

/** Windows has access control lists, which Node does not show: there a folder is as safe as the one it is made in. */
function checkOwner(path: string): void {
  const user = process.geteuid?.()
  if (user === undefined) return
  const link = lstatSync(path)
  if (link.isSymbolicLink() && link.uid !== user && link.uid !== 0)
    throw optionError('directory', `${path} is a symbolic link of another user; give the directory itself`)
  const found = statSync(path)
  if (found.uid !== user) throw optionError('directory', `${path} belongs to another user, who could read the tokens`)
  if (isOpenToOthers(found))
    throw optionError('directory', `${path} is open to other users; run chmod 700 on it, or give one of its own`)
}

function isOpenToOthers({ mode }: Stats): boolean {
  return (mode & 0o077) !== 0
}

/** As far as it may be opened: where one may make a folder, one need not be allowed to list others. */
function sync(folder: string): void {
  if (process.platform === 'win32' || !isReadable(folder)) return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function isReadable(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK)
    return true
  } catch {
    return false
  }
}
