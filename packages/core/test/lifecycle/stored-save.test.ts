import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TokenSet, TokenStoreError } from '../../src/index.js'
import { answered, emptyRecord, forgotten, type LineageRecord } from '../../src/lifecycle/record.js'
import type { Known } from '../../src/lifecycle/version.js'
import { scriptedStore } from './scripted-store.js'

const toFake = ['setTimeout', 'clearTimeout', 'performance'] as const
beforeEach(() => void vi.useFakeTimers({ toFake: [...toFake] }))
afterEach(() => void vi.useRealTimers())

const recordOf = (accessToken: string): LineageRecord =>
  answered(emptyRecord, 'e', new TokenSet({ accessToken, refreshToken: 'r', obtainedAt: 0, expiresAt: 60_000 }))
/** What an answer makes of the record: a token beside those that are there. */
const withAnswer = (record: LineageRecord) =>
  answered(record, 'new', new TokenSet({ accessToken: 'n', refreshToken: 'r', obtainedAt: 0, expiresAt: 60_000 }))
const always = () => true
const never = () => false
const tokensOf = (known: Known | undefined) => Object.keys(known?.record.accessTokens ?? {})
const down = () => {
  throw new TokenStoreError('down', { operation: 'compareAndSet' })
}
const unreadable = () => {
  throw new TokenStoreError('unreadable', { operation: 'compareAndSet', retryable: false })
}

describe('an answer is saved', () => {
  test('where nothing is known yet', async () => {
    const { stored, lineage, kept, asked } = scriptedStore()
    expect(await stored.save(withAnswer, always, 0)).toBe(true)
    expect(await kept()).toEqual({ version: lineage.known?.version, record: lineage.known?.record })
    expect(tokensOf(lineage.known)).toEqual(['new'])
    expect(lineage.unsaved).toBeUndefined()
    expect(asked).toEqual(['compareAndSet'])
  })

  test('over the record as it is by now', async () => {
    const { stored, keep, kept, asked, lineage } = scriptedStore()
    await keep('1', recordOf('a'))
    await stored.read()
    await keep('2', recordOf('b'))
    asked.length = 0
    expect(await stored.save(withAnswer, always, 0)).toBe(true)
    expect(asked).toEqual(['compareAndSet 1', 'get', 'compareAndSet 2'])
    expect(await kept()).toMatchObject({ record: { accessTokens: { e: { accessToken: 'b' }, new: {} } } })
    expect(lineage.unsaved).toBeUndefined()
  })

  test('not over what it may not replace, but over what has replaced that', async () => {
    const { stored, keep, asked, lineage } = scriptedStore()
    lineage.learn({ version: '1', record: forgotten }, 0)
    await keep('2', recordOf('b'))
    expect(await stored.save(withAnswer, ({ version }) => version !== '1', 0)).toBe(true)
    expect(asked).toEqual(['get', 'compareAndSet 2'])
  })

  test('never over a later word, which is what is known from then on', async () => {
    const { stored, keep, kept, lineage } = scriptedStore()
    await keep('1', recordOf('a'))
    await stored.read()
    await keep('2', forgotten)
    expect(await stored.save(withAnswer, ({ version }) => version === '1', 0)).toBe(false)
    expect(await kept()).toEqual({ version: '2', record: forgotten })
    expect(lineage.known).toEqual({ version: '2', record: forgotten })
    expect(lineage.unsaved).toBeUndefined()
  })

  test('never over a later word that is found where nothing was known', async () => {
    const { stored, keep, lineage } = scriptedStore()
    await keep('2', forgotten)
    expect(await stored.save(withAnswer, never, 0)).toBe(false)
    expect(lineage.known).toEqual({ version: '2', record: forgotten })
  })

  test('once, also when the store took it and its answer was lost', async () => {
    const { stored, keep, kept, asked, before, lineage } = scriptedStore()
    await keep('1', recordOf('a'))
    await stored.read()
    asked.length = 0
    before.compareAndSet = async () => {
      before.compareAndSet = never
      const { unsaved } = lineage
      await keep(unsaved?.version ?? '', withAnswer(recordOf('a')))
      return down()
    }
    const saved = stored.save(withAnswer, always, 1_000)
    await vi.advanceTimersByTimeAsync(100)
    expect(await saved).toBe(true)
    expect(asked).toEqual(['compareAndSet 1', 'compareAndSet 1', 'get'])
    expect(lineage.known).toEqual(await kept())
  })

  test('not, and it is said so, when another process comes first twenty times', async () => {
    const { stored, asked, before } = scriptedStore()
    before.compareAndSet = never
    await expect(stored.save(withAnswer, always, 0)).rejects.toMatchObject({
      operation: 'compareAndSet',
      message: 'compareAndSet: the record is another one each time',
    })
    expect(asked.filter(one => one === 'compareAndSet').length).toBe(20)
  })
})

describe('while the store is down', () => {
  test('it is asked ten times a second, for as long as the caller has patience', async () => {
    const { stored, asked, before } = scriptedStore()
    before.compareAndSet = down
    const saved = stored.save(withAnswer, always, 250).catch((error: unknown) => error)
    const counts: number[] = []
    for (const ms of [0, 99, 1, 99, 1, 99, 1]) {
      await vi.advanceTimersByTimeAsync(ms)
      counts.push(asked.length)
    }
    expect(counts).toEqual([1, 1, 2, 2, 3, 3, 4])
    expect(await saved).toMatchObject({ code: 'ERR_TOKEN_STORE', operation: 'compareAndSet' })
  })

  test('the answer is taken when the store is back in time', async () => {
    const { stored, kept, before } = scriptedStore()
    before.compareAndSet = down
    const saved = stored.save(withAnswer, always, 250)
    await vi.advanceTimersByTimeAsync(0)
    before.compareAndSet = () => undefined
    await vi.advanceTimersByTimeAsync(100)
    expect(await saved).toBe(true)
    expect(tokensOf(await kept())).toEqual(['new'])
  })

  test('a timer goes on, four times a second, after the caller has been told', async () => {
    const { stored, lineage, kept, asked, before } = scriptedStore()
    before.compareAndSet = down
    await expect(stored.save(withAnswer, always, 0)).rejects.toThrow('down')
    expect(lineage.unsaved?.isRefused).toBe(false)
    await vi.advanceTimersByTimeAsync(500)
    expect(asked.length).toBe(3)
    before.compareAndSet = () => undefined
    await vi.advanceTimersByTimeAsync(250)
    expect(tokensOf(await kept())).toEqual(['new'])
    expect(lineage.unsaved).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a caller is told at once that the store can never take it, and the timer asks every five seconds', async () => {
    const { stored, kept, asked, before } = scriptedStore()
    before.compareAndSet = unreadable
    await expect(stored.save(withAnswer, always, 60_000)).rejects.toThrow('unreadable')
    await vi.advanceTimersByTimeAsync(4_999)
    expect(asked.length).toBe(1)
    before.compareAndSet = () => undefined
    await vi.advanceTimersByTimeAsync(1)
    expect(tokensOf(await kept())).toEqual(['new'])
  })

  test('who reads the record writes it first', async () => {
    const { stored, asked, before, lineage } = scriptedStore()
    before.compareAndSet = down
    const saved = stored.save(withAnswer, always, 1_000)
    await vi.advanceTimersByTimeAsync(0)
    before.compareAndSet = () => undefined
    expect(tokensOf(await stored.read())).toEqual(['new'])
    expect(asked).toEqual(['compareAndSet', 'compareAndSet', 'get'])
    expect(lineage.unsaved).toBeUndefined()
    await vi.advanceTimersByTimeAsync(100)
    expect(await saved).toBe(true)
    expect(asked.length).toBe(3)
  })

  test('what is forgotten is not saved', async () => {
    const { stored, lineage, kept, before } = scriptedStore()
    before.compareAndSet = down
    const saved = stored.save(withAnswer, always, 1_000)
    await vi.advanceTimersByTimeAsync(0)
    before.compareAndSet = () => undefined
    lineage.forget()
    await vi.advanceTimersByTimeAsync(100)
    expect(await saved).toBe(false)
    expect(await kept()).toBeUndefined()
  })

  test('what was read to be there already is not written again', async () => {
    const { stored, lineage, keep, asked } = scriptedStore()
    const unsaved = { version: 'u', change: withAnswer, mayReplace: always, isKept: undefined }
    await keep('u', recordOf('a'))
    await stored.read()
    asked.length = 0
    lineage.underWay.offer(unsaved)
    await stored.read()
    expect(asked).toEqual(['get'])
    expect(unsaved.isKept).toBe(true)
  })
})

describe('an answer that comes while another is not saved yet', () => {
  const pending = { version: 'p', change: withAnswer, mayReplace: always, isKept: undefined }

  test('is weighed against the record as it would be with that', async () => {
    const { stored, lineage } = scriptedStore()
    const weighed: Known[] = []
    const mayReplace = (known: Known) => weighed.push(known) === 0
    lineage.underWay.offer(pending)
    expect(await stored.save(withAnswer, mayReplace, 0)).toBe(false)
    lineage.learn({ version: '1', record: recordOf('a') }, 0)
    expect(await stored.save(withAnswer, mayReplace, 0)).toBe(false)
    expect(weighed.map(known => [known.version, ...tokensOf(known)])).toEqual([
      ['p', 'new'],
      ['p', 'e', 'new'],
    ])
    expect(lineage.unsaved).toBe(pending)
  })

  test('takes its place where it may', async () => {
    const { stored, lineage, kept } = scriptedStore()
    lineage.underWay.offer(pending)
    expect(await stored.save(() => recordOf('later'), always, 0)).toBe(true)
    expect(lineage.unsaved).toBeUndefined()
    expect(await kept()).toMatchObject({ record: { accessTokens: { e: { accessToken: 'later' } } } })
  })
})
