import { describe, expect, test } from 'vitest'
import { memoryStore, TokenSet, type TokenStore } from '../../src/index.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import { answered, emptyRecord, type LineageRecord } from '../../src/lifecycle/record.js'
import { textOf } from '../../src/lifecycle/record-text.js'
import { StoredLineage } from '../../src/lifecycle/stored.js'
import { isFirst, nothing } from '../../src/lifecycle/version.js'
import { scriptedStore } from './scripted-store.js'

/** A store as one outside the process: copies are used for ten seconds. */
function elsewhere(): TokenStore {
  const { get, compareAndSet, delete: remove, lease, release } = memoryStore()
  return { secrecy: 'elsewhere', get, compareAndSet, delete: remove, lease, release }
}

const tokenSet = (obtainedAt: number) => new TokenSet({ accessToken: 'a', obtainedAt, expiresAt: obtainedAt + 60_000 })

test('clients with different clocks share a lineage: what each takes in counts from its own now', async () => {
  const { lineage, ...entry } = holdingsOf(elsewhere()).entry('l', 'e')
  const [early, late] = [0, 30_000].map(now => new StoredLineage(lineage, { now: () => now }))
  await late?.update(record => answered(record, entry.key, tokenSet(30_000)))
  expect(lineage.entry('e').copy).toMatchObject({ goodUntil: 40_000, tokenSet: { obtainedAt: 30_000 } })
  await early?.load()
  expect(lineage.entry('e').copy?.goodUntil).toBe(10_000)
})

test('one read serves all who want the record now, whatever their clock', async () => {
  let reads = 0
  const store = elsewhere()
  const counting: TokenStore = {
    ...store,
    get(key) {
      reads++
      return store.get(key)
    },
  }
  const { lineage } = holdingsOf(counting).entry('l', 'e')
  await Promise.all([0, 30_000].map(now => new StoredLineage(lineage, { now: () => now }).load()))
  expect(reads).toBe(1)
  expect(lineage.known).toEqual({ version: undefined, record: emptyRecord })
})

const recordOf = (accessToken: string): LineageRecord =>
  answered(emptyRecord, 'e', new TokenSet({ accessToken, refreshToken: 'r', obtainedAt: 0, expiresAt: 60_000 }))
/** An application's token: there is no refresh token. */
const alone: LineageRecord = answered(emptyRecord, 'e', tokenSet(0))

describe('a read', () => {
  test('takes in what the store has', async () => {
    const { stored, lineage, keep } = scriptedStore()
    await keep('1', recordOf('a'))
    expect(await stored.read()).toEqual({ version: '1', record: recordOf('a') })
    expect(lineage.known?.version).toBe('1')
    expect(lineage.entry('e').copy).toBeUndefined()
  })

  test('is made again when something was learnt while the store answered', async () => {
    const { stored, lineage, keep, asked, before } = scriptedStore()
    await keep('1', recordOf('a'))
    before.get = () => {
      if (asked.length > 1) return
      lineage.learn({ version: '2', record: recordOf('b') }, 0)
      return keep('2', recordOf('b')).then(() => ({ version: '1', value: textOf(recordOf('a')) }))
    }
    expect(await stored.read()).toMatchObject({ version: '2' })
    expect(asked).toEqual(['get', 'get'])
  })

  test('is made at most twenty-one times, then the last answer counts', async () => {
    const { stored, lineage, keep, asked, before } = scriptedStore()
    await keep('1', recordOf('a'))
    before.get = () => lineage.stale()
    expect(await stored.read()).toMatchObject({ version: '1' })
    expect(asked.length).toBe(21)
  })

  test('gives the store back what it has lost', async () => {
    const { stored, lineage, keep, kept, asked } = scriptedStore()
    await keep('1', recordOf('a'))
    await stored.read()
    lineage.learn({ version: '2', record: recordOf('b') }, 0)
    asked.length = 0
    const { version, record } = await stored.read()
    expect(record).toEqual(recordOf('b'))
    expect(await kept()).toEqual({ version, record: recordOf('b') })
    expect(asked).toEqual(['get', 'compareAndSet 1', 'get'])
  })

  test('fails when the store goes on showing what has been replaced', async () => {
    const { stored, lineage, keep, asked, before } = scriptedStore()
    await keep('1', recordOf('a'))
    await stored.read()
    lineage.learn({ version: '2', record: recordOf('b') }, 0)
    asked.length = 0
    before.compareAndSet = () => false
    await expect(stored.read()).rejects.toMatchObject({
      code: 'ERR_TOKEN_STORE',
      operation: 'get',
      message: 'get: the record is another one each time',
    })
    expect(asked.filter(one => one === 'get').length).toBe(21)
  })
})

describe('a record that the store has lost, and another process wrote last', () => {
  const lost = async (now = 5_000) => {
    const script = scriptedStore({ now })
    await script.keep('1', recordOf('a'))
    script.lineage.entry('e')
    await script.stored.read()
    await script.lose()
    script.asked.length = 0
    return script
  }

  test('is asked for in the store, while copies serve for another second', async () => {
    const { stored, lineage, kept, asked } = await lost()
    const asking = await stored.read()
    expect(asking.record).toEqual({ ...emptyRecord, asked: 5_000 })
    expect(isFirst(asking.version)).toBe(true)
    expect(await kept()).toEqual(asking)
    expect(lineage.entry('e').copy?.goodUntil).toBe(6_000)
    expect(lineage.known?.version).toBe('1')
    expect(await stored.read()).toEqual(asking)
    expect(asked).toEqual(['get', 'compareAndSet', 'get'])
  })

  test('is taken to be asked for when another process wrote that first', async () => {
    const { stored, before } = await lost()
    before.compareAndSet = () => false
    expect(await stored.read()).toEqual({ version: undefined, record: { ...emptyRecord, asked: 5_000 } })
  })

  test('is asked for over a record with nothing in it', async () => {
    const { stored, keep, kept, asked } = await lost()
    await keep('bare', { ...emptyRecord, origins: ['a hash'] })
    const asking = await stored.read()
    expect(asking.record.asked).toBe(5_000)
    expect(await kept()).toEqual(asking)
    expect(asked).toEqual(['get', 'compareAndSet bare'])
  })
})

describe('a write', () => {
  test('names the first version of a record so that it is known to be the first', async () => {
    const { stored, kept } = scriptedStore()
    const first = await stored.write(nothing, alone)
    const second = await stored.write(first ?? nothing, recordOf('b'))
    expect([isFirst(first?.version), isFirst(second?.version)]).toEqual([true, false])
    expect(await kept()).toEqual(second)
  })

  test('is learnt, and known to be this process’s own: what is lost after it is put back at once', async () => {
    const { stored, lineage, lose, kept } = scriptedStore()
    const written = await stored.write(nothing, recordOf('a'))
    expect({ version: lineage.known?.version, record: lineage.known?.record }).toEqual(written)
    await lose()
    await stored.read()
    expect((await kept())?.record).toEqual(recordOf('a'))
  })

  test('that comes second is not made', async () => {
    const { stored, keep, kept, lineage } = scriptedStore()
    await keep('1', recordOf('a'))
    expect(await stored.write(nothing, recordOf('b'))).toBeUndefined()
    expect(await kept()).toMatchObject({ version: '1' })
    expect(lineage.known).toBeUndefined()
  })

  test('is not learnt when something else was while the store answered', async () => {
    const { stored, lineage, before } = scriptedStore()
    before.compareAndSet = () => void lineage.learn({ version: 'other', record: recordOf('c') }, 0)
    await stored.write(nothing, recordOf('b'))
    expect(lineage.known?.version).toBe('other')
  })

  test('of nothing deletes what there is', async () => {
    const { stored, lineage, kept, asked } = scriptedStore()
    expect(await stored.write(nothing, emptyRecord)).toMatchObject({ record: emptyRecord })
    expect(asked).toEqual([])
    const over = (await stored.write(nothing, alone)) ?? nothing
    await stored.write(over, emptyRecord)
    expect(await kept()).toBeUndefined()
    expect(lineage.known).toEqual(nothing)
    expect(asked).toEqual(['compareAndSet', `delete ${over.version}`])
  })

  test('of nothing deletes nothing that came meanwhile', async () => {
    const { stored, keep, kept } = scriptedStore()
    const over = (await stored.write(nothing, alone)) ?? nothing
    await keep('2', recordOf('b'))
    expect(await stored.write(over, emptyRecord)).toBeUndefined()
    expect(await kept()).toMatchObject({ version: '2' })
  })

  test('tells the store how long the record is worth keeping, by the clock of the client', async () => {
    let keepForMs: number | undefined
    const store = elsewhere()
    const recording: TokenStore = {
      ...store,
      compareAndSet(key, expected, record) {
        ;({ keepForMs } = record)
        return store.compareAndSet(key, expected, record)
      },
    }
    const { lineage } = holdingsOf(recording).entry('l', 'e')
    await new StoredLineage(lineage, { now: () => 20_000 }).write(nothing, alone)
    expect(keepForMs).toBe(40_000)
  })
})

describe('an update', () => {
  test('that changes nothing writes nothing', async () => {
    const { stored, asked } = scriptedStore()
    await stored.update(record => record)
    expect(asked).toEqual(['get'])
  })

  test('is made of the record as it is when somebody else comes first', async () => {
    const { stored, keep, kept, asked, before } = scriptedStore()
    before.compareAndSet = () => (asked.length > 2 ? undefined : keep('other', recordOf('b')).then(() => false))
    await stored.update(record => answered(record, 'f', tokenSet(0)))
    expect(asked).toEqual(['get', 'compareAndSet', 'get', 'compareAndSet other'])
    expect(Object.keys((await kept())?.record.accessTokens ?? {})).toEqual(['e', 'f'])
  })

  test('fails when somebody else comes first twenty times', async () => {
    const { stored, asked, before } = scriptedStore()
    before.compareAndSet = () => false
    await expect(stored.update(() => alone)).rejects.toMatchObject({ operation: 'compareAndSet' })
    expect(asked.filter(one => one === 'compareAndSet').length).toBe(20)
  })

  test('that drops a rejected token drops it here and in the store', async () => {
    const { stored, lineage, keep, kept } = scriptedStore()
    await keep('1', recordOf('a'))
    lineage.entry('e')
    await stored.read()
    await stored.discard('e', 'a')
    expect(lineage.rejected?.accessToken).toBe('a')
    expect(lineage.entry('e').copy).toBeUndefined()
    expect((await kept())?.record).toMatchObject({ refreshToken: 'r', accessTokens: {} })
  })
})

describe('time for others to object, after a record was written where there was none', () => {
  const written = async (options?: Parameters<typeof scriptedStore>[0]) => {
    const script = scriptedStore(options)
    await script.stored.write(nothing, recordOf('a'))
    script.asked.length = 0
    return script
  }

  test('is five reads, one after the other, with a turn of the event loop after each', async () => {
    const { stored, asked, before } = await written()
    const steps: string[] = []
    before.get = async () => {
      steps.push('begins')
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      steps.push('ends')
      setImmediate(() => steps.push('turn'))
    }
    await stored.letOthersObject()
    expect(asked).toEqual(Array(5).fill('get'))
    expect(steps.join(' ')).toBe(Array(5).fill('begins ends turn').join(' '))
  })

  test('is over once somebody has written', async () => {
    const { stored, keep, asked, before } = await written()
    before.get = () => (asked.length === 2 ? keep('another', recordOf('b')) : undefined)
    await stored.letOthersObject()
    expect(asked).toEqual(['get', 'get'])
  })

  test('is none where nobody else can have a record, or is told, or where nothing is known', async () => {
    const inProcess = await written({ copyMs: Number.POSITIVE_INFINITY })
    const untold = await written({ isToldOfChanges: false })
    const unread = scriptedStore()
    for (const { stored, asked } of [inProcess, untold, unread]) {
      await stored.letOthersObject()
      expect(asked).toEqual([])
    }
  })
})
