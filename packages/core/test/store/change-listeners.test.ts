import { describe, expect, test } from 'vitest'
import { type ChangeListener, changeListeners } from '../../src/kit.js'

/** What tells of changes, and how often it was opened and shut. */
function notices() {
  const source = { opened: 0, shut: 0, tell: (() => {}) as ChangeListener }
  const listeners = changeListeners(tell => {
    source.opened++
    source.tell = tell
    return () => {
      source.shut++
    }
  })
  return { source, listeners }
}

describe('changeListeners', () => {
  test('opens with the first listener and shuts with the last', () => {
    const { source, listeners } = notices()
    expect(source.opened).toBe(0)
    const stops = [listeners.watch(() => {}), listeners.watch(() => {})]
    expect(source).toMatchObject({ opened: 1, shut: 0 })
    stops[0]?.()
    expect(source.shut).toBe(0)
    stops[1]?.()
    stops[1]?.()
    expect(source).toMatchObject({ opened: 1, shut: 1 })
    listeners.watch(() => {})
    expect(source.opened).toBe(2)
  })

  test('tries again with the next listener where nothing could be opened', () => {
    let tries = 0
    const listeners = changeListeners(() => {
      tries++
      return undefined
    })
    listeners.watch(() => {})()
    listeners.watch(() => {})()
    expect(tries).toBe(2)
  })

  test('tells each of them, one given twice twice', () => {
    const { source, listeners } = notices()
    const told: string[] = []
    const listener: ChangeListener = (key, version) => void told.push(`${key} ${version}`)
    listeners.watch(listener)
    const stop = listeners.watch(listener)
    source.tell('a', '1')
    stop()
    source.tell('b', undefined)
    expect(told).toEqual(['a 1', 'a 1', 'b undefined'])
  })

  test('one that throws or rejects harms nobody', async () => {
    const { source, listeners } = notices()
    const told: string[] = []
    listeners.watch(() => {
      throw new Error('the listener’s own')
    })
    listeners.watch((() => Promise.reject(new Error('the listener’s own'))) as ChangeListener)
    listeners.watch(key => void told.push(key))
    source.tell('a', '1')
    // an unhandled rejection would fail the run
    await new Promise(setImmediate)
    expect(told).toEqual(['a'])
  })

  test('closed, tells nobody, and may be closed again', () => {
    const { source, listeners } = notices()
    const told: string[] = []
    listeners.watch(key => void told.push(key))
    listeners.close()
    listeners.close()
    source.tell('a', '1')
    expect(told).toEqual([])
    expect(source.shut).toBe(1)
  })
})
