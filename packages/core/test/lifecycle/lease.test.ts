import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { memoryStore, type TokenStore, TokenStoreError } from '../../src/index.js'
import { leaseOf } from '../../src/lifecycle/lease.js'
import { Lineage } from '../../src/lifecycle/lineage.js'
import type { Unsaved } from '../../src/lifecycle/under-way.js'

const toFake = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] as const
beforeEach(() => {
  vi.useFakeTimers({ toFake: [...toFake] })
  // pauses are spread by chance: here they are what they are on average
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const durationMs = 3_000

/** A lineage in a store whose lease is answered by `grants`, and what was asked of it. */
function leased({ isWatched = true } = {}) {
  const asked: string[] = []
  const store = { grants: true, fails: false, releaseFails: false }
  const answer = async (call: string, isFailing: boolean) => {
    asked.push(call)
    if (isFailing) throw new TokenStoreError('down', { operation: call })
  }
  const asking: TokenStore = {
    ...memoryStore(),
    async lease() {
      await answer('lease', store.fails)
      return store.grants
    },
    release: () => answer('release', store.releaseFails),
  }
  const lineage = new Lineage('lineage', '', { store: asking, copyMs: 10_000, isToldOfChanges: isWatched })
  return { store, asked, lineage, lease: (waitMs = 60_000) => leaseOf(lineage, durationMs, waitMs) }
}

describe('a lease that was taken', () => {
  test('holds for its duration from when it was asked for', async () => {
    const { lease } = leased()
    const { takeOrWait, outlasts } = lease()
    expect(outlasts(0)).toBe(false)
    expect(await takeOrWait()).toBe(true)
    expect([outlasts(0), outlasts(durationMs - 1), outlasts(durationMs)]).toEqual([true, true, false])
  })

  test('is asked for again each third of it, and holds longer by that', async () => {
    const { lease, asked } = leased()
    const { takeOrWait, outlasts } = lease()
    await takeOrWait()
    await vi.advanceTimersByTimeAsync(999)
    expect(asked).toEqual(['lease'])
    await vi.advanceTimersByTimeAsync(1)
    expect(asked).toEqual(['lease', 'lease'])
    expect(outlasts(durationMs - 1)).toBe(true)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked).toHaveLength(12)
  })

  test('is kept by one timer, however often it is taken', async () => {
    const { lease, asked } = leased()
    const { takeOrWait } = lease()
    await takeOrWait()
    await takeOrWait()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(asked).toHaveLength(3)
  })

  test('is lost when the store gives it to somebody else', async () => {
    const { store, lease } = leased()
    const { takeOrWait, check, outlasts } = lease()
    await takeOrWait()
    expect(await check()).toBe(true)
    store.grants = false
    expect(await check()).toBe(false)
    expect(outlasts(0)).toBe(false)
  })

  test('that ran out meanwhile is ours again only when it is taken anew', async () => {
    const { store, lease } = leased()
    const { takeOrWait, check, outlasts } = lease()
    await takeOrWait()
    store.fails = true
    await vi.advanceTimersByTimeAsync(durationMs)
    store.fails = false
    expect(await check()).toBe(false)
    expect(outlasts(0)).toBe(false)
    expect(await takeOrWait()).toBe(true)
    expect(outlasts(0)).toBe(true)
  })

  test('outlives a store that fails when it is asked again', async () => {
    const { store, lease } = leased()
    const { takeOrWait, outlasts } = lease()
    await takeOrWait()
    store.fails = true
    await vi.advanceTimersByTimeAsync(1_000)
    expect(outlasts(durationMs - 1_001)).toBe(true)
    store.fails = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(outlasts(durationMs - 1)).toBe(true)
  })
})

describe('giving it back', () => {
  test('ends it, and asks no more', async () => {
    const { lease, asked } = leased()
    const { takeOrWait, release } = lease()
    await takeOrWait()
    await release()
    expect(asked).toEqual(['lease', 'release'])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toHaveLength(2)
  })

  test('is not needed where it was never ours', async () => {
    const { store, lease, asked } = leased()
    store.grants = false
    const { takeOrWait, release } = lease()
    await takeOrWait()
    await release()
    expect(asked).toEqual(['lease'])
  })

  test('is needed where the store did not say whether it is ours', async () => {
    const { store, lease, asked } = leased()
    store.fails = true
    const { takeOrWait, release } = lease()
    await expect(takeOrWait()).rejects.toThrow('down')
    await release()
    expect(asked).toEqual(['lease', 'release'])
  })

  test('is tried again each quarter of a second, until the lease has run out by itself', async () => {
    const { store, lease, asked } = leased()
    const { takeOrWait, release } = lease()
    await takeOrWait()
    store.releaseFails = true
    await release()
    const releases = () => asked.filter(call => call === 'release').length
    await vi.advanceTimersByTimeAsync(249)
    expect(releases()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(releases()).toBe(2)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(releases()).toBe(13)
    store.releaseFails = false
  })

  test('stops with the first try that succeeds', async () => {
    const { store, lease, asked } = leased()
    const { takeOrWait, release } = lease()
    await takeOrWait()
    store.releaseFails = true
    await release()
    store.releaseFails = false
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toEqual(['lease', 'release', 'release'])
  })

  test('waits until its holder is ready, and keeps it meanwhile', async () => {
    const { lease, asked } = leased()
    const { takeOrWait, release } = lease()
    let isReady = false
    await takeOrWait()
    await release(() => isReady)
    await vi.advanceTimersByTimeAsync(1_249)
    expect(asked).toEqual(['lease', 'lease'])
    isReady = true
    await vi.advanceTimersByTimeAsync(1)
    expect(asked).toEqual(['lease', 'lease', 'release'])
  })

  test('that was put off is given up when the lease is taken again', async () => {
    const { store, lease, asked } = leased()
    const { takeOrWait, release } = lease()
    let isReady = false
    await takeOrWait()
    await release(() => isReady)
    await takeOrWait()
    isReady = true
    await vi.advanceTimersByTimeAsync(500)
    expect(asked).toEqual(['lease', 'lease'])

    store.releaseFails = true
    await release()
    await takeOrWait()
    await vi.advanceTimersByTimeAsync(500)
    expect(asked).toEqual(['lease', 'lease', 'release', 'lease'])
    store.releaseFails = false
    await release()
  })

  test('waits for a holder that is never ready as long as the lease would last', async () => {
    const { lease, asked } = leased()
    const { takeOrWait, release } = lease()
    await takeOrWait()
    await release(() => false)
    await vi.advanceTimersByTimeAsync(durationMs - 1)
    expect(asked).not.toContain('release')
    await vi.advanceTimersByTimeAsync(1)
    expect(asked.at(-1)).toBe('release')
  })

  test('waits for ever while the store refuses an answer that nobody else has', async () => {
    const { lease, lineage, asked } = leased()
    const { takeOrWait, release } = lease()
    const unsaved: Unsaved = {
      version: '1',
      change: record => record,
      mayReplace: () => true,
      isKept: undefined,
      isRefused: true,
    }
    lineage.underWay.offer(unsaved)
    await takeOrWait()
    await release(() => lineage.unsaved === undefined)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).not.toContain('release')
    lineage.underWay.withdraw(unsaved)
    await vi.advanceTimersByTimeAsync(250)
    expect(asked.at(-1)).toBe('release')
  })
})

describe('a lease that somebody else has', () => {
  /** Waits in the background; what became of it. */
  const waitingFor = (taken: Promise<boolean>) => {
    const seen: { result?: boolean } = {}
    void taken.then(result => {
      seen.result = result
    })
    return seen
  }

  test('is a reason to read at once, since its holder may have written already', async () => {
    const { store, lease } = leased()
    store.grants = false
    expect(await lease().takeOrWait()).toBe(false)
  })

  test('is a reason to read when a change is told', async () => {
    const { store, lease, lineage } = leased()
    store.grants = false
    const { takeOrWait } = lease()
    await takeOrWait()
    const seen = waitingFor(takeOrWait())
    await vi.advanceTimersByTimeAsync(10)
    expect(seen.result).toBeUndefined()
    lineage.stale()
    await vi.advanceTimersByTimeAsync(0)
    expect(seen.result).toBe(false)
  })

  test('is asked for again after 25 ms, and each pause is half as long again', async () => {
    const { store, lease, asked } = leased()
    store.grants = false
    const { takeOrWait } = lease()
    await takeOrWait()
    waitingFor(takeOrWait())
    const times: number[] = []
    for (let at = 0; at < 130; at++) {
      const before = asked.length
      await vi.advanceTimersByTimeAsync(1)
      if (asked.length > before) times.push(at + 1)
    }
    expect(times[0]).toBe(25)
    expect(times[1]).toBeCloseTo(25 + 37.5, -0.5)
    expect(times[2]).toBeCloseTo(25 + 37.5 + 56.25, -0.5)
  })

  test('is a reason to read after each pause, of a quarter of a second at most, where no change is told', async () => {
    const { store, lease } = leased({ isWatched: false })
    store.grants = false
    const { takeOrWait } = lease()
    await takeOrWait()
    for (let round = 0; round < 8; round++) {
      const seen = waitingFor(takeOrWait())
      await vi.advanceTimersByTimeAsync(251)
      expect(seen.result).toBe(false)
    }
  })

  test('is a reason to read once a second where changes are told: a hint may have been lost', async () => {
    const { store, lease, asked } = leased()
    store.grants = false
    const { takeOrWait } = lease()
    await takeOrWait()
    const seen = waitingFor(takeOrWait())
    await vi.advanceTimersByTimeAsync(2_000)
    expect(seen.result).toBeUndefined()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(seen.result).toBe(false)
    expect(asked.length).toBeLessThan(16)
  })

  test('is taken when it becomes free', async () => {
    const { store, lease } = leased()
    store.grants = false
    const { takeOrWait, outlasts } = lease()
    await takeOrWait()
    const seen = waitingFor(takeOrWait())
    store.grants = true
    await vi.advanceTimersByTimeAsync(25)
    expect(seen.result).toBe(true)
    expect(outlasts(0)).toBe(true)
  })

  test('all that it was waited for is told, though it was lost on the way and waited for again', async () => {
    const { store, lease } = leased()
    const waiting = lease()
    expect(waiting.waited).toBeUndefined()
    store.grants = false
    await waiting.takeOrWait()
    const first = waiting.takeOrWait()
    await vi.advanceTimersByTimeAsync(0)
    store.grants = true
    await vi.advanceTimersByTimeAsync(25)
    await first
    expect(waiting.waited).toEqual({ durationMs: 25, granted: true })
    await vi.advanceTimersByTimeAsync(100)
    store.grants = false
    expect(await waiting.check()).toBe(false)
    const again = waitingFor(waiting.takeOrWait())
    await vi.advanceTimersByTimeAsync(30)
    expect(waiting.waited).toEqual({ durationMs: 55, granted: true })
    store.grants = true
    await vi.advanceTimersByTimeAsync(7.5)
    expect([again.result, waiting.waited]).toEqual([true, { durationMs: 63, granted: true }])
  })

  test('is waited for from the first pause on, however many there are', async () => {
    const { store, lease } = leased()
    store.grants = false
    const waiting = lease()
    await waiting.takeOrWait()
    const seen = waitingFor(waiting.takeOrWait())
    // pauses of 25, 37.5 and 56.25 ms
    await vi.advanceTimersByTimeAsync(100)
    store.grants = true
    await vi.advanceTimersByTimeAsync(20)
    expect(seen.result).toBe(true)
    expect(waiting.waited?.durationMs).toBeGreaterThan(110)
  })

  test('is waited for no longer than was said, and the error says how long', async () => {
    const { store, lease } = leased()
    store.grants = false
    const { takeOrWait } = lease(2_600)
    await takeOrWait()
    const failed = expect(takeOrWait()).rejects.toMatchObject({
      code: 'ERR_TOKEN_STORE',
      operation: 'lease',
      retryable: true,
      message: 'lease: others have held the lease of this token for 3 s, and no answer of theirs came',
    })
    await vi.advanceTimersByTimeAsync(5_000)
    await failed
  })
})

test('each has a name of its own', () => {
  const { lease } = leased()
  expect(lease().holder).not.toBe(lease().holder)
})
