/** A refresh whose store fails at one step, or is changed by somebody else each time. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { refuse, rotate } from '../scripted-server.js'
import { machines, outcomeOf } from './processes.js'

afterEach(() => {
  vi.useRealTimers()
})

const down = () => Promise.reject(new Error('READONLY'))

test('a failure that could not be written down is told all the same', async () => {
  const { start, server, backend } = machines(refuse(503, 'temporarily_unavailable'))
  const { user } = start(
    {},
    { compareAndSet: (...args) => (server.requests.length > 0 ? down() : backend.compareAndSet(...args)) },
  )
  await user().import({ refreshToken: 'refresh-0' })
  await expect(user().getTokenSet()).rejects.toMatchObject({ code: 'ERR_SERVER_REFUSED', serverStatus: 503 })
})

test('a lease that the store does not give is a failure of the store, and told', async () => {
  const { start, server } = machines(rotate())
  const { user, events } = start({}, { lease: down })
  await user().import({ refreshToken: 'refresh-0' })
  expect(await outcomeOf(user().getTokenSet())).toBe('ERR_TOKEN_STORE')
  expect(events.filter(({ type }) => type === 'store_failed')).toMatchObject([{ operation: 'lease', level: 'warn' }])
  expect(server.requests).toEqual([])
})

test('a lease that others have is waited for twice as long as one lasts', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  const { start } = machines(rotate())
  const { user, client } = start({}, { lease: async () => false })
  await user().import({ refreshToken: 'refresh-0' })
  const seen: { outcome?: string } = {}
  void outcomeOf(user().getTokenSet()).then(outcome => {
    seen.outcome = outcome
  })
  const longestMs = 2 * (client.timeoutMs + 5_000)
  await vi.advanceTimersByTimeAsync(longestMs - 100)
  expect(seen.outcome).toBeUndefined()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(seen.outcome).toBe('ERR_TOKEN_STORE')
})

test('a record that is another one each time is given up on, and nothing is sent', async () => {
  const { start, server, backend } = machines(rotate())
  const { user } = start(
    {},
    {
      compareAndSet: async (key, expected, record) =>
        !record.value.includes('"sending"') && backend.compareAndSet(key, expected, record),
    },
  )
  await user().import({ refreshToken: 'refresh-0' })
  await expect(user().getTokenSet()).rejects.toMatchObject({
    code: 'ERR_TOKEN_STORE',
    operation: 'compareAndSet',
    message: 'compareAndSet: the record is another one each time',
  })
  expect(server.requests).toEqual([])
})

test('who meets a refresh token that rests is told for how long it still does', async () => {
  const { start, clock } = machines(refuse(400, 'invalid_request'))
  await start().user().import({ refreshToken: 'refresh-0' })
  await outcomeOf(start().user().getTokenSet())
  clock.advance(4_000)
  await expect(start().user().getTokenSet()).rejects.toMatchObject({ serverStatus: 400, retryAfterMs: 6_000 })
})

test('a lease lasts five seconds longer than a request of a user’s may take, and ten for an application', async () => {
  const { start, backend } = machines(rotate())
  const durations: number[] = []
  const { user, application, client } = start(
    {},
    {
      lease(key, holder, durationMs) {
        durations.push(durationMs)
        return backend.lease(key, holder, durationMs)
      },
    },
  )
  await application().getTokenSet()
  const ofApplication = durations.splice(0)
  await user().import({ refreshToken: 'refresh-0' })
  await user().getTokenSet()
  expect([new Set(ofApplication), new Set(durations)]).toEqual([new Set([10_000]), new Set([client.timeoutMs + 5_000])])
})

describe('how long', () => {
  const fakeTimers = () =>
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  /** What became of a call, once it is over. */
  const seenOf = (call: Promise<{ accessToken: string }>) => {
    const seen: { outcome?: string } = {}
    void outcomeOf(call).then(outcome => {
      seen.outcome = outcome
    })
    return seen
  }

  test('a caller waits for a store that does not take the answer: ten seconds', async () => {
    fakeTimers()
    const { start, server, backend } = machines(rotate())
    let fails = true
    const { user } = start(
      {},
      {
        compareAndSet: (...args) => (fails && server.requests.length > 0 ? down() : backend.compareAndSet(...args)),
      },
    )
    await user().import({ refreshToken: 'refresh-0' })
    const seen = seenOf(user().getTokenSet())
    await vi.advanceTimersByTimeAsync(9_900)
    expect([seen.outcome, server.requests.length]).toEqual([undefined, 1])
    await vi.advanceTimersByTimeAsync(300)
    expect(seen.outcome).toBe('ERR_TOKEN_STORE')
    fails = false
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await outcomeOf(user().getTokenSet())).toBe('token-1')
  })

  test('those who may have a lost record are given to put it back: a second', async () => {
    fakeTimers()
    const { start, server, backend, clock } = machines(rotate())
    let lost = false
    const { user } = start({}, { get: key => (lost ? Promise.resolve(undefined) : backend.get(key)) })
    const other = start()
    await other.user().import({ refreshToken: 'refresh-0' })
    await other.user().getTokenSet()
    await user().getTokenSet()
    lost = true
    clock.advance(3_600_000)
    const seen = seenOf(user().getTokenSet())
    await vi.advanceTimersByTimeAsync(990)
    expect(seen.outcome).toBeUndefined()
    await vi.advanceTimersByTimeAsync(20)
    expect(seen.outcome).toBe('ERR_TOKEN_STORE')
    expect(server.requests).toHaveLength(1)
  })
})
