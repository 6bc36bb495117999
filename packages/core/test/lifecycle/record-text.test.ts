import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { TokenSet } from '../../src/index.js'
import {
  answered,
  emptyRecord,
  ended,
  knows,
  type LineageRecord,
  startingOver,
  withRefreshToken,
} from '../../src/lifecycle/record.js'
import { parseRecord, RecordWithText, textOf } from '../../src/lifecycle/record-text.js'
import { sha256 } from '../../src/secret.js'

const record = answered(emptyRecord, 'e', new TokenSet({ accessToken: 'a', refreshToken: 'r', obtainedAt: 0 }))
const written = () => new RecordWithText({ version: '1', record })

describe('a record as the memory of the process keeps it', () => {
  test('has a text, from which a copy is read', () => {
    const { version, value } = written()
    expect(value).toBe(textOf(record))
    expect(RecordWithText.from({ version, value })).toEqual({ version: '1', record: parseRecord(value) })
    expect(RecordWithText.from({ version, value }).record).not.toBe(record)
  })

  test('is known again where a store has kept the very object, and nothing is read', () => {
    const kept = written()
    expect(RecordWithText.from(kept)).toBe(kept)
    expect(kept.record).toBe(record)
  })

  test('makes no text unless it is read', () => {
    const toJSON = vi.fn()
    const watched = new RecordWithText({ version: '1', record: { ...record, toJSON } as LineageRecord })
    RecordWithText.from(watched)
    expect(toJSON).not.toHaveBeenCalled()
    void watched.value
    expect(toJSON).toHaveBeenCalledOnce()
  })

  test('shows no token when it is printed', () => {
    expect(inspect(written(), { depth: 9, showHidden: true })).not.toMatch(/'[ar]'/)
  })
})

test('a text stands for the same record, says which format it is in, and is filled up where members are missing', () => {
  const text = textOf(record)
  expect(JSON.parse(text)).toMatchObject({ format: 1, refreshToken: 'r' })
  expect(JSON.stringify(parseRecord(text))).toBe(JSON.stringify({ ...emptyRecord, ...record }))
  expect(parseRecord('{"format":1}')).toEqual(emptyRecord)
})

describe('the hash of a login’s refresh token', () => {
  const hashesIn = (text: string) => JSON.parse(text).origins
  const next = (one: LineageRecord, refreshToken: string) => withRefreshToken(one, { refreshToken, obtainedAt: 0 })

  test('is in the text while the refresh token is in force, and in the record once another one has replaced it', () => {
    expect(hashesIn(textOf(record))).toEqual([sha256('r')])
    expect(record.origins).toEqual([''])
    const rotated = next(next(record, 'r2'), 'r3')
    expect(rotated.origins).toEqual([sha256('r')])
    expect(hashesIn(textOf(rotated))).toEqual([sha256('r')])
  })

  test('is left out again by who reads the text, and by nobody else’s', () => {
    expect(parseRecord(textOf(record))).toEqual(record)
    const rotated = next(record, 'r2')
    expect(parseRecord(textOf(rotated))).toEqual(rotated)
  })

  test('is not lost when the session ends, nor by the next login: whoever brings it is known', () => {
    const over = ended(record, 'invalid_grant')
    expect(over.origins).toEqual([sha256('r')])
    for (const again of [next(over, 'r2'), next(startingOver(record), 'r2')]) {
      expect(knows(again, 'r')).toBe(true)
      expect(hashesIn(textOf(again))).toEqual([sha256('r'), sha256('r2')])
    }
  })

  test('is one of the last eight', () => {
    let logins = record
    for (let time = 1; time <= 9; time++) logins = next(startingOver(logins), `login ${time}`)
    const last = [2, 3, 4, 5, 6, 7, 8, 9].map(time => sha256(`login ${time}`))
    expect(hashesIn(textOf(logins))).toEqual(last)
  })
})

describe('what is no record of ours', () => {
  const texts = ['', 'secret', 'null', '{}', '"1"', '{"format":2,"refreshToken":"secret"}', '{"format":"1"}']
  test.each(texts)('is refused for good, without a word of it: %s', text => {
    const error = refusalOf(text)
    expect(error).toMatchObject({
      code: 'ERR_TOKEN_STORE',
      operation: 'get',
      retryable: false,
      message: 'get: the record is none of ours, or was written by a later release',
    })
    expect(inspect(error)).not.toContain('secret')
  })
})

describe('what a store gives in place of a record', () => {
  test.each(['secret-token', 5, true, null, {}, ['secret-token']])('is refused without a word of it: %s', given => {
    const error = refusalOf(given, () => RecordWithText.from(given as never))
    expect(error).toMatchObject({ code: 'ERR_TOKEN_STORE', operation: 'get', retryable: false })
    expect(inspect(error)).not.toContain('secret')
  })
})

function refusalOf(text: unknown, read = () => parseRecord(text as string) as unknown): unknown {
  try {
    return read()
  } catch (error) {
    return error
  }
}
