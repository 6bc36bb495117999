import { expect, test } from 'vitest'
import { type Figure, isReached } from '../src/figure.js'

const row = (name: string, median: number) => ({ name, measured: { median, lower: median, upper: median } })
const rows: Figure['rows'] = [row('native', 1), row('GrantKit', 1.5), row('another', 2)]

test('a goal is a number, a number more than a row, or a part of a row', () => {
  expect([1.5, 1.49].map(atMost => isReached({ atMost }, { rows }))).toEqual([true, false])
  expect([0.5, 0.49].map(atMost => isReached({ atMost, over: 'native' }, { rows }))).toEqual([true, false])
  expect([0.75, 0.74].map(atMost => isReached({ atMost, of: 'another' }, { rows }))).toEqual([true, false])
})
