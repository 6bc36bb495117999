import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { UnderWay, type Unsaved } from '../../src/lifecycle/under-way.js'
import { deferred } from '../scripted-server.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** What is under way, and how often it was said to be over. */
function watched() {
  let over = 0
  const underWay = new UnderWay(self => {
    expect(self).toBe(underWay)
    over++
  })
  return { underWay, timesOver: () => over }
}

const unsavedOf = (version = '1'): Unsaved => ({
  version,
  change: record => record,
  mayReplace: () => true,
  isKept: undefined,
})

describe('renewals', () => {
  test('run one after the other, whatever comes of them', async () => {
    const { underWay, timesOver } = watched()
    const first = deferred()
    const began: string[] = []
    const results = [
      underWay.inTurn(() => {
        began.push('first')
        return first.promise
      }),
      underWay.inTurn(async () => began.push('second')),
    ]
    await Promise.resolve()
    expect(began).toEqual(['first'])
    first.reject(new Error('no'))
    expect(await Promise.allSettled(results)).toMatchObject([{ status: 'rejected' }, { status: 'fulfilled', value: 2 }])
    await Promise.resolve()
    expect(timesOver()).toBe(1)
  })
})

describe('a read', () => {
  test('is joined while it runs, and begun anew afterwards', async () => {
    const { underWay, timesOver } = watched()
    let reads = 0
    const answer = deferred()
    const read = () => {
      reads++
      return answer.promise
    }
    const both = [underWay.joinRead(read), underWay.joinRead(read)]
    expect(reads).toBe(1)
    expect(timesOver()).toBe(0)
    answer.resolve()
    await Promise.all(both)
    expect(timesOver()).toBe(1)
    await underWay.joinRead(read)
    expect(reads).toBe(2)
  })

  test('that fails is no longer joined', async () => {
    const { underWay } = watched()
    await expect(underWay.joinRead(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await underWay.joinRead(async () => 'an answer')).toBeUndefined()
  })
})

describe('who waits for a change', () => {
  test('is woken by one, with all the others', async () => {
    const { underWay, timesOver } = watched()
    const waiting = [underWay.changeWithin(1_000), underWay.changeWithin(2_000)]
    underWay.wake()
    expect(await Promise.all(waiting)).toEqual([true, true])
    expect(timesOver()).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('waits no longer than that time', async () => {
    const { underWay, timesOver } = watched()
    const waiting = underWay.changeWithin(1_000)
    vi.advanceTimersByTime(999)
    expect(timesOver()).toBe(0)
    vi.advanceTimersByTime(1)
    expect(await waiting).toBe(false)
    expect(timesOver()).toBe(1)
  })
})

describe('what is to be written', () => {
  test('is the last that was offered, until it is withdrawn', () => {
    const { underWay, timesOver } = watched()
    const [first, second] = [unsavedOf('1'), unsavedOf('2')]
    underWay.offer(first)
    underWay.offer(second)
    underWay.withdraw(first)
    expect(underWay.unsaved).toBe(second)
    expect(timesOver()).toBe(0)
    underWay.withdraw(second)
    expect(underWay.unsaved).toBeUndefined()
    expect(timesOver()).toBe(1)
  })

  test('is written in a quarter of a second, once, whoever asks for it', async () => {
    const { underWay, timesOver } = watched()
    let writes = 0
    const write = async () => void writes++
    underWay.writeLater(write)
    underWay.writeLater(write)
    await vi.advanceTimersByTimeAsync(249)
    expect([writes, timesOver()]).toEqual([0, 0])
    await vi.advanceTimersByTimeAsync(1)
    expect([writes, timesOver()]).toEqual([1, 1])
    underWay.writeLater(write)
    await vi.advanceTimersByTimeAsync(250)
    expect(writes).toBe(2)
  })

  test('is written in five seconds where the store has refused it', async () => {
    const { underWay } = watched()
    let writes = 0
    underWay.offer({ ...unsavedOf(), isRefused: true })
    underWay.writeLater(async () => void writes++)
    await vi.advanceTimersByTimeAsync(4_999)
    expect(writes).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(writes).toBe(1)
  })

  test('may be tried again by the same timer, as long as it fails', async () => {
    const { underWay } = watched()
    let writes = 0
    const write = async (): Promise<void> => {
      writes++
      if (writes < 3) underWay.writeLater(write)
    }
    underWay.writeLater(write)
    await vi.advanceTimersByTimeAsync(750)
    expect(writes).toBe(3)
  })
})

test('nothing is over while anything goes on', async () => {
  const { underWay, timesOver } = watched()
  const [turn, read] = [deferred(), deferred()]
  const renewal = underWay.inTurn(() => turn.promise)
  const reading = underWay.joinRead(() => read.promise)
  const waiting = underWay.changeWithin(1_000)
  const unsaved = unsavedOf()
  underWay.offer(unsaved)
  underWay.writeLater(async () => {})
  turn.resolve()
  await renewal
  read.resolve()
  await reading
  underWay.wake()
  await waiting
  underWay.withdraw(unsaved)
  expect(timesOver()).toBe(0)
  await vi.advanceTimersByTimeAsync(250)
  expect(timesOver()).toBe(1)
})

test.each<[string, (underWay: UnderWay) => unknown]>([
  ['a renewal', underWay => underWay.inTurn(() => new Promise(() => {}))],
  ['a read', underWay => underWay.joinRead(() => new Promise(() => {}))],
  ['somebody who waits', underWay => underWay.changeWithin(1_000)],
  ['a timer', underWay => underWay.writeLater(async () => {})],
])('%s alone is enough for it not to be over', (_, begin) => {
  const { underWay, timesOver } = watched()
  begin(underWay)
  underWay.withdraw(unsavedOf())
  expect(timesOver()).toBe(0)
})

test('it is not over before what the timer writes is written', async () => {
  const { underWay, timesOver } = watched()
  const written = deferred()
  underWay.writeLater(() => written.promise)
  await vi.advanceTimersByTimeAsync(250)
  expect(timesOver()).toBe(0)
  written.resolve()
  await vi.advanceTimersByTimeAsync(0)
  expect(timesOver()).toBe(1)
})
