/** The store's directory: nobody's but its owner's. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  type Stats,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { optionError } from '@grantkit/core'

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
  const made = mkdirSync(path, { recursive: true, mode: 0o700 })
  checkOwner(path)
  const directory = { records: join(path, 'records'), leases: join(path, 'leases'), aside: join(path, 'new') }
  for (const folder of Object.values(directory)) mkdirSync(folder, { recursive: true, mode: 0o700 })
  sync(path)
  if (made !== undefined) sync(dirname(path))
  return directory
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
