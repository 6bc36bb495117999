import { expect, test } from 'vitest'
import { msToSeconds, secondsToMs, systemClock } from '../src/clock.js'

test('seconds become milliseconds, and whole seconds again, rounded down', () => {
  expect(secondsToMs(3600)).toBe(3_600_000)
  expect(msToSeconds(1_760_000_000_999)).toBe(1_760_000_000)
})

test("the system clock is the machine's", () => {
  const before = Date.now()
  const now = systemClock.now()
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(Date.now())
})
