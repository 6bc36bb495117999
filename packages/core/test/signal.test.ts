import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { detachable, whenAborted } from '../src/signal.js'

const listenersOf = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

describe('whenAborted', () => {
  test('adds one listener to a signal, and takes it off with the last who waits', () => {
    const { signal } = new AbortController()
    const stops = Array.from({ length: 20 }, () => whenAborted(signal, () => {}))
    expect(listenersOf(signal)).toBe(1)
    for (const stop of stops.slice(1)) stop()
    expect(listenersOf(signal)).toBe(1)
    stops[0]?.()
    expect(listenersOf(signal)).toBe(0)
  })

  test('calls everybody once, whoever else stops or begins to wait meanwhile', () => {
    const controller = new AbortController()
    const { signal } = controller
    const called: string[] = []
    const stopFirst = whenAborted(signal, () => {
      called.push('first')
      stopThird()
      whenAborted(signal, () => called.push('late'))
    })
    whenAborted(signal, () => called.push('second'))
    const stopThird = whenAborted(signal, () => called.push('third'))
    controller.abort()
    controller.abort()
    stopFirst()
    expect(called).toEqual(['first', 'second'])
  })

  test('calls a function that was given twice twice', () => {
    const controller = new AbortController()
    let calls = 0
    const abort = () => {
      calls++
    }
    whenAborted(controller.signal, abort)
    whenAborted(controller.signal, abort)
    controller.abort()
    expect(calls).toBe(2)
  })

  test('listens again for who comes after all have gone', () => {
    const controller = new AbortController()
    whenAborted(controller.signal, () => {})()
    let called = false
    whenAborted(controller.signal, () => {
      called = true
    })
    controller.abort()
    expect(called).toBe(true)
    expect(listenersOf(controller.signal)).toBe(0)
  })
})

describe('detachable', () => {
  test('is the shared promise itself without a signal', () => {
    const shared = Promise.resolve(1)
    expect(detachable(shared, undefined)).toBe(shared)
  })

  test('does not wait at all when the signal is aborted already', async () => {
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(detachable(new Promise(() => {}), signal)).rejects.toThrow('gone')
  })

  test('ends one wait by an abort, and not the others', async () => {
    const [one, other] = [new AbortController(), new AbortController()]
    let resolve = (_: number) => {}
    const shared = new Promise<number>(settle => {
      resolve = settle
    })
    const [first, second] = [detachable(shared, one.signal), detachable(shared, other.signal)]
    one.abort(new Error('gone'))
    await expect(first).rejects.toThrow('gone')
    resolve(1)
    expect(await second).toBe(1)
  })

  test('leaves no listener on a signal that outlives the call', async () => {
    const { signal } = new AbortController()
    expect(await detachable(Promise.resolve(1), signal)).toBe(1)
    await expect(detachable(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
    await new Promise(setImmediate)
    expect(listenersOf(signal)).toBe(0)
  })
})
