/** The names of a record's states. The writer names them, so that a write that is asked again is known to be the same. */
import { randomBytes } from 'node:crypto'
import { emptyRecord, type LineageRecord } from './record.js'

/** A record as it was read or written last. */
export interface Known {
  /** `undefined`: there is none. */
  readonly version: string | undefined
  readonly record: LineageRecord
}

/** What is known when the store has no record. */
export const nothing: Known = { version: undefined, record: emptyRecord }

/** A new name, in one piece: V8 keeps a UUID in twenty, which take more memory than the record of who was forgotten. */
export function newVersion(): string {
  return randomBytes(18).toString('base64url')
}

/** Tells this process's names from another installed copy's, with which it may share a store. */
let ownName: string | undefined
let ownNames = 0

/** A new name in a store that is in this process: there it is enough to count, without the system's random numbers. */
export function ownVersion(): string {
  ownName ??= randomBytes(3).toString('base64url')
  ownNames++
  // joined, it is one piece: what is added up stays in memory in pieces
  return [ownName, ownNames].join('')
}

const first = 'first-'

/** A new name for a record that is written where there was none: who is told of it and has one knows that it was lost. */
export function firstVersion(version: string): string {
  return [first, version].join('')
}

/** Whether a record was written where there was none. */
export function isFirst(version: string | undefined): boolean {
  return version?.startsWith(first) === true
}
