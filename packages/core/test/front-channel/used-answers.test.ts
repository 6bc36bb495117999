import { expect, test } from 'vitest'
import type { AuthorizationTransaction } from '../../src/front-channel/transaction.js'
import { useOnce } from '../../src/front-channel/used-answers.js'

const transaction = (state: string, expiresAt = 1_000) =>
  ({ issuer: 'https://as.example', state, expiresAt }) as AuthorizationTransaction

test('a transaction is used once, until nobody could use it any more', () => {
  useOnce(transaction('a'), 0)
  expect(() => useOnce(transaction('a'), 0)).toThrow('used_answer')
  useOnce(transaction('b'), 1_000)
  expect(() => useOnce(transaction('a'), 1_000)).not.toThrow()
})

test('one that was given back is used once more', () => {
  const giveBack = useOnce(transaction('c', 9_000), 2_000)
  giveBack()
  expect(() => useOnce(transaction('c', 9_000), 2_000)).not.toThrow()
})

test('the same state at another server is another one', () => {
  useOnce(transaction('d', 9_000), 2_000)
  const other = { ...transaction('d', 9_000), issuer: 'https://other.example' }
  expect(() => useOnce(other, 2_000)).not.toThrow()
})

test('what is remembered has an end: the oldest goes first', () => {
  const states = Array.from({ length: 100_001 }, (_, index) => `many-${index}`)
  for (const state of states) useOnce(transaction(state, 9_000), 2_000)
  expect(() => useOnce(transaction('many-100000', 9_000), 2_000)).toThrow('used_answer')
  expect(() => useOnce(transaction('many-0', 9_000), 2_000)).not.toThrow()
})
