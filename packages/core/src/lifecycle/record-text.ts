/** A record as the text that a store keeps. */
import { TokenStoreError } from '../errors.js'
import type { StoredRecord } from '../store/token-store.js'
import { emptyRecord, type LineageRecord, originsOf, withoutHashInForce } from './record.js'
import type { Known } from './version.js'

/** Counts up when a record can no longer be read by the release before. */
const format = 1

/** The text of a record. */
export function textOf(record: LineageRecord): string {
  return JSON.stringify({ format, ...record, origins: originsOf(record) })
}

/**
 * The record that a text stands for.
 *
 * @throws TokenStoreError when it is none, or of a release that writes another format
 */
export function parseRecord(text: string): LineageRecord {
  const { format: written, ...record } = parseJson(text) ?? {}
  if (written === format) return withoutHashInForce({ ...emptyRecord, ...record })
  const problem = 'the record is none of ours, or was written by a later release'
  throw new TokenStoreError(problem, { operation: 'get', retryable: false })
}

/** Its error is left out: it quotes the text. */
function parseJson(text: string): (Partial<LineageRecord> & { format?: number }) | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * A record as the memory of the process keeps it: the object, whose text is made for who reads that, so that tokens stand in
 * memory once.
 */
export class RecordWithText implements StoredRecord, Known {
  readonly version: string
  readonly #record: LineageRecord

  constructor({ version, record }: Known & { readonly version: string }) {
    this.version = version
    this.#record = record
  }

  get record(): LineageRecord {
    return this.#record
  }

  get value(): string {
    return textOf(this.#record)
  }

  /** What a store has: read from its text, unless the store has kept the very object. */
  static from(stored: StoredRecord): Known & { readonly version: string } {
    // of what is no object V8 would make a message that quotes it
    const object: StoredRecord = Object(stored)
    if (#record in object) return object
    return { version: object.version, record: parseRecord(object.value) }
  }
}
