import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { type AtOnce, after } from '../src/at-once.js'

const lengthOf = (answer: AtOnce<string | undefined>) => after(answer, text => text?.length)

describe('what is made of an answer', () => {
  test('that is there is had at once', () => {
    expect(lengthOf('four')).toBe(4)
    expect(lengthOf(undefined)).toBeUndefined()
  })

  test('that is promised is promised', async () => {
    const answer = lengthOf(Promise.resolve('four'))
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toBe(4)
  })

  test('that is a promise of another realm is awaited too', async () => {
    const promise = runInNewContext('Promise.resolve("four")')
    expect(promise).not.toBeInstanceOf(Promise)
    expect(await lengthOf(promise)).toBe(4)
  })
})

test('a failure comes as the answer does: thrown at once, or by the promise', async () => {
  const fail = (): never => {
    throw new Error('no')
  }
  expect(() => after('now', fail)).toThrow('no')
  await expect(after(Promise.resolve('later'), fail)).rejects.toThrow('no')
  await expect(after(Promise.reject(new Error('before')), fail)).rejects.toThrow('before')
})
