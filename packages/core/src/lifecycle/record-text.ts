/** A record as the text that a store keeps. */
import { TokenStoreError } from '../errors.js'
import { emptyRecord, type LineageRecord } from './record.js'

/** Counts up when a record can no longer be read by the release before. */
const format = 1

/** The text of a record. */
export function textOf(record: LineageRecord): string {
  return JSON.stringify({ format, ...record })
}

/**
 * The record that a text stands for.
 *
 * @throws TokenStoreError when it is none, or of a release that writes another format
 */
export function parseRecord(text: string): LineageRecord {
  const { format: written, ...record } = parseJson(text) ?? {}
  if (written === format) return { ...emptyRecord, ...record }
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
