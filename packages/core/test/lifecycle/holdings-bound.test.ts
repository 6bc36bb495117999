import { expect, test } from 'vitest'
import { memoryStore, TokenSet } from '../../src/index.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'

const tokenSet = new TokenSet({ accessToken: 'a', obtainedAt: 0 })

test('beyond 100,000 lineages the oldest 10,000 that nobody waits for go at once', () => {
  const holdings = holdingsOf(memoryStore())
  const busy = holdings.entry('busy', 'e')
  busy.flight = { answer: Promise.resolve(tokenSet), requestId: undefined }
  const others = Array.from({ length: 99_999 }, (_, index) => holdings.entry(`application ${index}`, 'e'))
  const gone = () => others.filter(({ lineage }) => lineage.isLetGo).length
  expect(gone()).toBe(0)
  holdings.entry('one more', 'e')
  expect(gone()).toBe(10_000)
  expect([9_999, 10_000].map(index => others[index]?.lineage.isLetGo)).toEqual([true, false])
  expect(holdings.entry('application 0', 'e')).not.toBe(others[0])
  expect(holdings.entry('busy', 'e')).toBe(busy)
})
