import { describe, expect, test } from 'vitest'
import { memoryStore, TokenSet } from '../../src/index.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import { answered, emptyRecord, forgotten, type LineageRecord } from '../../src/lifecycle/record.js'
import { deferred } from '../scripted-server.js'

const tokenSet = (accessToken = 'a', obtainedAt = 0) =>
  new TokenSet({ accessToken, refreshToken: 'r', obtainedAt, expiresAt: obtainedAt + 1_000 })
const recordOf = (accessToken?: string): LineageRecord => answered(emptyRecord, 'e', tokenSet(accessToken))
const lineageOf = () => holdingsOf(memoryStore()).entry('l', 'e').lineage

describe('learn', () => {
  test('copies the tokens to every entry there is', () => {
    const lineage = lineageOf()
    lineage.learn({ version: '1', record: recordOf() }, 5)
    expect(lineage.entry('e').copy).toMatchObject({
      tokenSet: { accessToken: 'a' },
      goodUntil: Number.POSITIVE_INFINITY,
    })
  })

  test('keeps the token set that callers have while nothing about it changed', () => {
    const lineage = lineageOf()
    const entry = lineage.entry('e')
    lineage.learn({ version: '1', record: recordOf() }, 0)
    const before = entry.copy?.tokenSet
    lineage.learn({ version: '2', record: recordOf() }, 0)
    expect(entry.copy?.tokenSet).toBe(before)
    lineage.learn({ version: '3', record: recordOf('b') }, 0)
    expect(entry.copy?.tokenSet.accessToken).toBe('b')
  })

  test('a token from the future lives as long as any, from now: somebody’s clock runs ahead', () => {
    const lineage = lineageOf()
    lineage.learn({ version: '1', record: answered(emptyRecord, 'e', tokenSet('a', 30_000)) }, 10_000)
    expect(lineage.entry('e').copy?.tokenSet).toMatchObject({ obtainedAt: 10_000, expiresAt: 11_000 })
  })

  test('of what is older than what was learnt meanwhile changes nothing, and copies are looked at again', () => {
    const lineage = lineageOf()
    lineage.learn({ version: '2', record: recordOf('b') }, 0)
    lineage.learnUnlessLater({ version: '1', record: recordOf('a') }, undefined, 0)
    expect(lineage.known?.version).toBe('2')
    expect(lineage.entry('e').copy).toMatchObject({
      tokenSet: { accessToken: 'b' },
      goodUntil: Number.NEGATIVE_INFINITY,
    })
  })
})

describe('what the store shows', () => {
  const shown = (version: string | undefined, record: LineageRecord) => ({ version, record })
  const replaced = () => {
    const lineage = lineageOf()
    lineage.learn(shown('1', recordOf('a')), 0)
    lineage.learn(shown('2', recordOf('b')), 0)
    return lineage
  }

  test('is learnt when it is what is known, or later', () => {
    expect(replaced().weigh(shown('2', recordOf('b')))).toBe('learn')
    expect(replaced().weigh(shown('3', recordOf('c')))).toBe('learn')
    expect(replaced().weigh(shown('3', forgotten))).toBe('learn')
  })

  test('is replaced when it was seen to be replaced before', () => {
    expect(replaced().weigh(shown('1', recordOf('a')))).toBe('put_back')
  })

  test('is replaced when it is nothing, and this process wrote last', () => {
    const lineage = replaced()
    lineage.wrote('2')
    expect(lineage.weigh(shown(undefined, emptyRecord))).toBe('put_back')
  })

  test('is asked about when it is nothing, and somebody else wrote last', () => {
    expect(replaced().weigh(shown(undefined, emptyRecord))).toBe('ask')
  })
})

describe('reject', () => {
  test('serves the token to nobody, also when it is learnt again, until the server answers', () => {
    const lineage = lineageOf()
    lineage.learn({ version: '1', record: recordOf() }, 0)
    lineage.reject('e', 'a')
    lineage.learn({ version: '2', record: recordOf() }, 0)
    expect(lineage.entry('e').copy).toBeUndefined()
    lineage.trust()
    lineage.learn({ version: '3', record: recordOf() }, 0)
    expect(lineage.entry('e').copy?.tokenSet.accessToken).toBe('a')
  })

  test('of a token that was replaced changes nothing', () => {
    const lineage = lineageOf()
    lineage.learn({ version: '1', record: recordOf('b') }, 0)
    lineage.reject('e', 'a')
    expect(lineage.entry('e').copy?.tokenSet.accessToken).toBe('b')
    expect(lineage.rejected).toBeUndefined()
  })
})

test('tellOnce is true once for each kind and text, and again when all was forgotten', () => {
  const lineage = lineageOf()
  const tell = () => [lineage.tellOnce('end', 'x'), lineage.tellOnce('end', 'x'), lineage.tellOnce('login', 'x')]
  expect(tell()).toEqual([true, false, true])
  expect(lineage.tellOnce('end', 'y')).toBe(true)
  lineage.forget()
  expect(tell()).toEqual([true, false, true])
})

test('forget leaves the lineage where it is, and nothing in it', () => {
  const holdings = holdingsOf(memoryStore())
  const entry = holdings.entry('l', 'e')
  entry.lineage.learn({ version: '1', record: recordOf() }, 0)
  entry.flight = { answer: Promise.resolve(tokenSet()), requestId: undefined }
  entry.lineage.forget()
  expect(entry).toMatchObject({ copy: undefined, flight: undefined })
  expect(entry.lineage.known?.record).toEqual(emptyRecord)
  expect(holdings.entry('l', 'e')).toBe(entry)
})

describe('letGo', () => {
  test('is refused while a request is under way', () => {
    const lineage = lineageOf()
    const entry = lineage.entry('e')
    entry.flight = { answer: Promise.resolve(tokenSet()), requestId: undefined }
    expect([lineage.letGo(), lineage.isLetGo]).toEqual([false, false])
    entry.flight = undefined
    expect([lineage.letGo(), lineage.isLetGo]).toEqual([true, true])
  })

  test('is refused while an answer is not in the store', () => {
    const lineage = lineageOf()
    const unsaved = { version: '1', change: () => emptyRecord, mayReplace: () => true, isKept: undefined }
    lineage.underWay.offer(unsaved)
    expect(lineage.letGo()).toBe(false)
    lineage.underWay.withdraw(unsaved)
    expect(lineage.letGo()).toBe(true)
  })

  test('keeps the word that tokens were forgotten, and no token', () => {
    const [one, other] = [lineageOf(), lineageOf()]
    one.learn({ version: '1', record: recordOf() }, 0)
    other.learn({ version: '1', record: forgotten }, 0)
    expect([one.letGo(), other.letGo()]).toEqual([true, true])
    expect([one.known?.record, other.known?.record]).toEqual([emptyRecord, forgotten])
  })
})

describe('what is under way', () => {
  test('is one object for all who begin or join something, and gone when all of it is over', async () => {
    const lineage = lineageOf()
    const [turn, read] = [deferred(), deferred()]
    const { underWay } = lineage
    const turns = [underWay.inTurn(() => turn.promise), underWay.joinRead(() => read.promise)]
    turn.resolve()
    await turns[0]
    expect(lineage.underWay).toBe(underWay)
    read.resolve()
    await turns[1]
    await new Promise(setImmediate)
    expect(lineage.underWay).not.toBe(underWay)
  })

  test('runs one renewal after the other, in order, failures included', async () => {
    const lineage = lineageOf()
    const [first, second] = [deferred(), deferred()]
    const steps: string[] = []
    const turn = (name: string, gate: Promise<void>) =>
      lineage.underWay.inTurn(async () => {
        steps.push(`${name} begins`)
        await gate
        steps.push(`${name} ends`)
      })
    const turns = [turn('first', first.promise), turn('second', second.promise)]
    second.resolve()
    await new Promise(setImmediate)
    expect(steps).toEqual(['first begins'])
    first.reject(new Error('no'))
    await expect(turns[0]).rejects.toThrow('no')
    await turns[1]
    expect(steps).toEqual(['first begins', 'second begins', 'second ends'])
  })

  test('does not make another lineage wait', async () => {
    const holdings = holdingsOf(memoryStore())
    holdings.entry('slow', 'e').lineage.underWay.inTurn(() => new Promise(() => {}))
    expect(await holdings.entry('quick', 'e').lineage.underWay.inTurn(async () => 'done')).toBe('done')
  })

  test('whoever waits for a change is told of what is learnt', async () => {
    const lineage = lineageOf()
    const waiting = lineage.underWay.changeWithin(60_000)
    lineage.learn({ version: '1', record: recordOf() }, 0)
    expect(await waiting).toBe(true)
  })
})
