import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { memoryStore, TokenSet } from '../../src/index.js'
import { answered, emptyRecord, type LineageRecord } from '../../src/lifecycle/record.js'
import { parseRecord, RecordWithText, textOf } from '../../src/lifecycle/record-text.js'

const record = answered(emptyRecord, 'e', new TokenSet({ accessToken: 'a', refreshToken: 'r', obtainedAt: 0 }))
const written = (keepForMs?: number) => new RecordWithText({ version: '1', record }, keepForMs)

describe('a record on its way into a store', () => {
  test('has its text as a member of its own: it is in every copy, and a copy is read from it', () => {
    const copy = { ...written(5) }
    expect(copy).toEqual({ version: '1', value: textOf(record), keepForMs: 5 })
    expect(JSON.parse(JSON.stringify(written()))).toEqual({ version: '1', value: textOf(record) })
    expect(RecordWithText.from(copy)).toEqual({ version: '1', record: parseRecord(copy.value) })
    expect(RecordWithText.from(copy).record).not.toBe(record)
  })

  test('is known again where a store has kept the very object, and nothing is read', () => {
    const kept = written()
    expect(RecordWithText.from(kept)).toBe(kept)
    expect(kept.record).toBe(record)
  })

  test('makes no text unless it is read, and cannot be changed', () => {
    const toJSON = vi.fn()
    const watched = new RecordWithText({ version: '1', record: { ...record, toJSON } as LineageRecord }, undefined)
    RecordWithText.from(watched)
    expect(toJSON).not.toHaveBeenCalled()
    void watched.value
    expect(toJSON).toHaveBeenCalledOnce()
    expect(Object.isFrozen(watched)).toBe(true)
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

function refusalOf(text: string): unknown {
  try {
    return parseRecord(text)
  } catch (error) {
    return error
  }
}

test('the memory store keeps the object, and so no text beside the tokens', async () => {
  const [store, kept] = [memoryStore(), written()]
  await store.compareAndSet('key', undefined, kept)
  expect(await store.get('key')).toBe(kept)
})
