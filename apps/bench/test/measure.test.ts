import { describe, expect, test } from 'vitest'
import { orderOf, over, quantilesOfParts, ratiosTo, summarize, timeInTurns } from '../src/measure.js'

describe('summarize', () => {
  test('takes the median and the quartiles of values in any order', () => {
    expect(summarize([5, 1, 4, 2, 3])).toEqual({ lower: 2, median: 3, upper: 4 })
  })

  test('divides the distance between two values in proportion', () => {
    expect(summarize([1, 2, 3, 4])).toEqual({ lower: 1.75, median: 2.5, upper: 3.25 })
  })
})

test('quantilesOfParts leaves no sample out when ten does not divide them', () => {
  const samples = Array.from({ length: 25 }, (_, index) => index)
  expect(quantilesOfParts(samples, 0.5)).toEqual([1, 3.5, 6, 8.5, 11, 13.5, 16, 18.5, 21, 23.5])
})

test('orderOf lets everyone begin, in both directions', () => {
  const orders = [0, 1, 2, 3, 4, 5].map(round => orderOf(round, ['a', 'b', 'c']).join(''))
  expect(orders).toEqual(['abc', 'bca', 'cab', 'cba', 'acb', 'bac'])
})

test('over and ratiosTo compare part by part', () => {
  expect(over([10, 20], { read: [12, 25] })).toEqual({ read: [2, 5] })
  expect(ratiosTo([10, 20], { read: [12, 25] })).toEqual({ read: [1.2, 1.25] })
})

test('timeInTurns says what it needs when it cannot collect garbage', async () => {
  await expect(timeInTurns({ nothing: async () => {} }, { forMs: 1, times: 1 })).rejects.toThrow('--expose-gc')
})
