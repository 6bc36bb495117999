import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { memoryStore, TokenSet } from '../../src/index.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import { Lineage } from '../../src/lifecycle/lineage.js'
import { answered, emptyRecord, forgotten, type LineageRecord } from '../../src/lifecycle/record.js'
import { nothing } from '../../src/lifecycle/version.js'
import { deferred } from '../scripted-server.js'

const tokenSet = (accessToken = 'a', obtainedAt = 0) =>
  new TokenSet({ accessToken, refreshToken: 'r', obtainedAt, expiresAt: obtainedAt + 1_000 })
const recordOf = (accessToken?: string): LineageRecord => answered(emptyRecord, 'e', tokenSet(accessToken))
const lineageOf = () => holdingsOf(memoryStore()).entry('l', 'e').lineage
/** Of a store outside the process, with copies good for ten seconds. */
const lineageElsewhere = ({ isToldOfChanges = true } = {}) =>
  new Lineage('l', 's', { store: memoryStore(), copyMs: 10_000, isToldOfChanges })
const unsavedOf = (version = '1') => ({ version, change: () => emptyRecord, mayReplace: () => true, isKept: undefined })

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

  test('of what the store took while nothing else was learnt is what is known from then on', () => {
    const lineage = lineageOf()
    lineage.learnUnlessLater({ version: '1', record: recordOf('a') }, undefined, 0)
    expect(lineage.known).toEqual({ version: '1', record: recordOf('a') })
    const next = { version: '2', record: recordOf('b') }
    lineage.learnUnlessLater(next, '1', 0)
    expect(lineage.known).toBe(next)
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

describe('by the clock of the process', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.advanceTimersByTime(1_000)
  })
  afterEach(() => void vi.useRealTimers())

  const known = (isToldOfChanges = true) => {
    const lineage = lineageElsewhere({ isToldOfChanges })
    lineage.learn({ version: '1', record: recordOf('a') }, 0)
    lineage.learn({ version: '2', record: recordOf('b') }, 0)
    return lineage
  }
  const replaced = { version: '1', record: recordOf('a') }

  test('the store need not be asked for ten seconds after it was', () => {
    expect(lineageElsewhere().isFresh).toBe(false)
    const lineage = known()
    vi.advanceTimersByTime(9_999)
    expect(lineage.isFresh).toBe(true)
    vi.advanceTimersByTime(1)
    expect(lineage.isFresh).toBe(false)
  })

  test('what was seen replaced is replaced again for ten minutes, where the store tells of changes', () => {
    const lineage = known()
    vi.advanceTimersByTime(599_999)
    expect(lineage.weigh(replaced)).toBe('put_back')
    vi.advanceTimersByTime(1)
    expect(lineage.weigh(replaced)).toBe('learn')
  })

  test('and where it does not, for as long as copies are good', () => {
    const lineage = known(false)
    vi.advanceTimersByTime(9_999)
    expect(lineage.weigh(replaced)).toBe('put_back')
    vi.advanceTimersByTime(1)
    expect(lineage.weigh(replaced)).toBe('learn')
  })

  test('a record that is missed is asked for twelve seconds long, and then put back', () => {
    const lineage = known()
    expect(lineage.weigh(nothing)).toBe('ask')
    vi.advanceTimersByTime(11_999)
    expect(lineage.weigh(nothing)).toBe('ask')
    vi.advanceTimersByTime(1)
    expect(lineage.weigh(nothing)).toBe('put_back')
    lineage.learn({ version: '3', record: recordOf('c') }, 0)
    expect(lineage.weigh(nothing)).toBe('ask')
  })

  test('after an hour a record that is missed may have been forgotten: it is not put back', () => {
    const lineage = known()
    expect(lineage.weigh(nothing)).toBe('ask')
    vi.advanceTimersByTime(3_599_999)
    expect(lineage.weigh(nothing)).toBe('put_back')
    vi.advanceTimersByTime(1)
    expect(lineage.weigh(nothing)).toBe('learn')
  })
})

describe('what the store shows to who has no later word', () => {
  test('is learnt when nothing is known, or a token without a refresh token', () => {
    const lineage = lineageElsewhere()
    expect(lineage.weigh(nothing)).toBe('learn')
    const alone = new TokenSet({ accessToken: 'a', obtainedAt: 0 })
    lineage.learn({ version: '1', record: answered(emptyRecord, 'e', alone) }, 0)
    expect(lineage.weigh(nothing)).toBe('learn')
  })

  test('is learnt when it is the same refresh token or an unknown one, and replaced when that one is used up', () => {
    const lineage = lineageElsewhere()
    const first = recordOf('a')
    const next = answered(first, 'e', new TokenSet({ accessToken: 'b', refreshToken: 'r2', obtainedAt: 0 }))
    lineage.learn({ version: '2', record: next }, 0)
    const weighed = ['r2', 'unknown', 'r'].map(refreshToken =>
      lineage.weigh({ version: 'x', record: { ...first, refreshToken } }),
    )
    expect(weighed).toEqual(['learn', 'learn', 'put_back'])
  })

  test('is learnt when it is the word that all was forgotten, though this process wrote last', () => {
    const lineage = lineageElsewhere()
    lineage.learn({ version: '1', record: recordOf() }, 0)
    lineage.wrote('1')
    expect(lineage.weigh({ version: '2', record: forgotten })).toBe('learn')
  })

  test('is learnt when what replaced it was forgotten here', () => {
    const lineage = lineageElsewhere()
    lineage.learn({ version: '1', record: recordOf('a') }, 0)
    lineage.learn({ version: '2', record: recordOf('b') }, 0)
    lineage.forget()
    expect(lineage.weigh({ version: '1', record: recordOf('a') })).toBe('learn')
  })
})

describe('versions that were replaced', () => {
  const after = (...versions: (string | undefined)[]) => {
    const lineage = lineageElsewhere()
    for (const version of versions) lineage.learn({ version, record: recordOf() }, 0)
    return (version: string | undefined) => lineage.hasReplaced(version)
  }

  test('are the last eight', () => {
    const versions = ['1', '2', undefined, '3', '4', '5', '6', '7', '8', '9', '10']
    expect(versions.filter(after(...versions))).toEqual(['2', '3', '4', '5', '6', '7', '8', '9'])
  })

  test('are those before the last, also when the store had nothing last', () => {
    expect(['1', '2', '3', undefined].filter(after('1', '2', '3', undefined))).toEqual(['1', '2', '3'])
  })

  test('are not the one that is learnt again, nor those that came after it', () => {
    expect(['1', '2', '3', '4'].filter(after('1', '2', '3', '4', '2'))).toEqual(['1'])
    expect(after('1', '1')('1')).toBe(false)
  })
})

describe('that the store tells of a change', () => {
  const known = () => {
    const lineage = lineageElsewhere()
    lineage.learn({ version: '1', record: recordOf('a') }, 0)
    lineage.learn({ version: '2', record: recordOf('b') }, 0)
    return { lineage, entry: lineage.entry('e') }
  }

  test('of an unknown version means that copies are no longer good, and the store has to be asked', async () => {
    for (const version of ['3', undefined]) {
      const { lineage, entry } = known()
      lineage.learn({ version: '2', record: recordOf('b') }, 0)
      const waiting = lineage.underWay.changeWithin(60_000)
      expect(lineage.changed(version)).toBe(false)
      expect(await waiting).toBe(true)
      expect(lineage.isFresh).toBe(false)
      expect(entry.copy?.goodUntil).toBe(Number.NEGATIVE_INFINITY)
    }
  })

  test('of the version that is known means nothing', () => {
    const { lineage, entry } = known()
    lineage.learn({ version: '2', record: recordOf('b') }, 0)
    const { changes } = lineage
    expect(lineage.changed('2')).toBe(false)
    expect([lineage.changes, lineage.isFresh, entry.copy?.goodUntil]).toEqual([changes, true, 10_000])
  })

  test('of a version that was replaced says nothing about the one that is known', () => {
    const { lineage } = known()
    expect(lineage.changed('1')).toBe(false)
    expect(lineage.isFresh).toBe(true)
  })

  test('written where there was nothing says that the record was lost, if there was a refresh token in it', () => {
    const { lineage } = known()
    expect(lineage.changed('first-3')).toBe(true)
    expect(lineage.isFresh).toBe(true)
    lineage.learn({ version: '4', record: forgotten }, 0)
    expect(lineage.changed('first-5')).toBe(false)
    expect(lineage.isFresh).toBe(false)
  })

  test('counts also for who knows of no record', () => {
    const lineage = lineageElsewhere()
    const told = [lineage.changed('1'), lineage.changed('first-2')]
    lineage.learn(nothing, 0)
    const { changes } = lineage
    expect([...told, lineage.changed(undefined)]).toEqual([false, false, false])
    expect(lineage.changes).toBe(changes + 1)
  })
})

test('everything that is learnt, told or forgotten counts as a change, and none undoes another', () => {
  const lineage = lineageElsewhere()
  const steps = [
    () => lineage.learn({ version: '1', record: recordOf() }, 0),
    () => lineage.stale(),
    () => lineage.learn(nothing, 0),
    () => lineage.forget(),
    () => lineage.stale(),
  ]
  const counts = steps.map(step => {
    step()
    return lineage.changes
  })
  expect(counts).toEqual([1, 2, 3, 4, 5])
})

test('copies serve until another instant: those of one entry, or all; where there is none, none is made', () => {
  const lineage = lineageElsewhere()
  const [one, other, empty] = ['e', 'f', 'g'].map(key => lineage.entry(key))
  lineage.learn({ version: '1', record: answered(recordOf(), 'f', tokenSet('b')) }, 0)
  const instants = () => [one, other, empty].map(entry => entry?.copy?.goodUntil)
  expect(instants()).toEqual([10_000, 10_000, undefined])
  lineage.serveUntil(20_000, 'f')
  expect(instants()).toEqual([10_000, 20_000, undefined])
  lineage.serveUntil(30_000)
  expect(instants()).toEqual([30_000, 30_000, undefined])
  expect(empty?.copy).toBeUndefined()
})

test('an entry begins with nothing, and is one and the same for its key', () => {
  const lineage = lineageElsewhere()
  const entry = lineage.entry('e')
  expect(entry).toEqual({ key: 'e', lineage, copy: undefined, flight: undefined })
  expect(lineage.entry('e')).toBe(entry)
  expect([lineage.key, lineage.space]).toEqual(['l', 's'])
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

test('reject of a token that nobody has here changes nothing', () => {
  const lineage = lineageOf()
  lineage.reject('another', 'a')
  lineage.entry('another')
  lineage.reject('another', 'a')
  expect(lineage.rejected).toBeUndefined()
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

test('forget keeps the version, and gives up what was rejected and what was to be written', () => {
  const lineage = lineageOf()
  lineage.forget()
  expect(lineage.known).toEqual(nothing)
  lineage.entry('e')
  lineage.learn({ version: '1', record: recordOf() }, 0)
  lineage.reject('e', 'a')
  lineage.underWay.offer(unsavedOf('2'))
  lineage.forget()
  expect(lineage.known).toEqual({ version: '1', record: emptyRecord })
  expect([lineage.rejected, lineage.unsaved]).toEqual([undefined, undefined])
})

describe('letGo', () => {
  test('is refused while one of several requests is under way, and not of what nobody has read', () => {
    const lineage = lineageOf()
    lineage.entry('f').flight = { answer: Promise.resolve(tokenSet()), requestId: undefined }
    expect(lineage.letGo()).toBe(false)
    const unread = lineageElsewhere()
    expect([unread.letGo(), unread.isLetGo]).toEqual([true, true])
  })

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
    const unsaved = unsavedOf()
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
  test('is not ended by the end of what was under way before', () => {
    const lineage = lineageOf()
    const [first, second] = [unsavedOf('1'), unsavedOf('2')]
    const before = lineage.underWay
    before.offer(first)
    before.withdraw(first)
    lineage.underWay.offer(second)
    before.withdraw(first)
    expect(lineage.unsaved).toBe(second)
  })

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
