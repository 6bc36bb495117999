import { expect, test } from 'vitest'
import { manualClock } from '../src/index.js'

test('stands still until it is moved', () => {
  const clock = manualClock(1_000)
  expect(clock.now()).toBe(1_000)
  clock.advance(250)
  expect(clock.now()).toBe(1_250)
})

test('moves back with a negative number', () => {
  const clock = manualClock(1_000)
  clock.advance(-400)
  expect(clock.now()).toBe(600)
})

test('starts at the machine’s time', () => {
  const before = Date.now()
  const now = manualClock().now()
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(Date.now())
})
