import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type OpenSources, openSources } from '../../src/lifecycle/open-sources.js'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

test('the last to be closed of a space is told so, once', () => {
  const { open, close } = openSources()
  const [one, two, other] = [open('a'), open('a'), open('b')]
  expect([close(one), close(one), close(two), close(two), close(other)]).toEqual([false, false, true, false, true])
})

test('whichever is closed first, the others of its space are still open', () => {
  const { open, close } = openSources()
  const all = [open('a'), open('a'), open('a')]
  expect(all.toReversed().map(close)).toEqual([false, false, true])
})

test('one that nobody has any more does not count', async () => {
  const all = openSources()
  const openAndLose = ({ open }: OpenSources) => void open('a')
  for (let count = 0; count < 100; count++) openAndLose(all)
  const last = all.open('a')
  for (let round = 0; round < 5; round++) {
    await setImmediate()
    collectGarbage()
  }
  expect(all.close(last)).toBe(true)
})
