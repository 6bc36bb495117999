import { describe, expect, test } from 'vitest'
import { TokenStoreError, TransportError } from '../../src/errors.js'
import { clientCredentials } from '../../src/grants/client-credentials.js'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import { requestToken } from '../../src/lifecycle/token-request.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { failure } from '../answering.js'
import { refuse, type Setup, setUp } from '../scripted-server.js'

const ask = ({ client }: Setup, beforeSending: () => Promise<void>) => {
  const entry = holdingsOf(memoryStore()).entry('lineage', 'entry')
  return requestToken(client, entry, clientCredentials(), 'cold', { beforeSending })
}
const types = ({ events }: Setup) => events.map(({ type }) => type)

describe('a request that is held back', () => {
  const heldBack = [
    new TokenStoreError('the lease is gone', { operation: 'lease' }),
    new TransportError('ERR_TRANSPORT_CLOSED', 'closed', { neverSent: false }),
    new Error('the process stops'),
  ]
  test.each(heldBack)('is told to nobody, and makes nobody rest: %s', async error => {
    const setup = setUp()
    expect(await failure(ask(setup, () => Promise.reject(error)))).toBe(error)
    expect(setup.server.requests).toEqual([])
    expect(types(setup)).toEqual([])
    expect(await ask(setup, async () => {})).toMatchObject({ accessToken: 'token-1' })
    expect(types(setup)).toEqual(['token_requested', 'token_received'])
  })

  test('at its second attempt is one that failed at the first', async () => {
    const setup = setUp(() => {
      throw new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true })
    })
    const onlyOnce = async () => {
      if (setup.server.requests.length > 0) throw new TokenStoreError('lost', { operation: 'lease' })
    }
    const error = await failure(ask(setup, onlyOnce))
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT' })
    expect(types(setup)).toEqual(['token_requested', 'token_request_failed'])
    expect(await failure(ask(setup, async () => {}))).toBe(error)
    expect(setup.server.requests).toHaveLength(1)
  })
})

test('headers that are made right before sending are sent', async () => {
  const setup = setUp()
  const entry = holdingsOf(memoryStore()).entry('lineage', 'entry')
  const beforeSending = async () => ({ dpop: 'a proof' })
  await requestToken(setup.client, entry, clientCredentials(), 'cold', { beforeSending })
  expect(setup.server.requests).toMatchObject([{ headers: { dpop: 'a proof' } }])
})

test('a request that is sent twice is told once', async () => {
  const setup = setUp(({ number }) => {
    if (number === 1) throw new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true })
    return { status: 500, headers: new Headers(), body: new Uint8Array() }
  })
  await failure(ask(setup, async () => {}))
  expect(setup.server.requests).toHaveLength(2)
  expect(types(setup)).toEqual(['token_requested', 'token_request_failed'])
})

test('credentials that could not be had are told as a request that failed', async () => {
  const setup = setUp(undefined, { clientSecret: () => Promise.reject(new Error('sealed')) })
  await failure(ask(setup, async () => {}))
  expect(setup.events).toMatchObject([
    { type: 'token_requested' },
    { type: 'token_request_failed', code: 'ERR_CLIENT_AUTHENTICATION' },
  ])
})

test.each([
  ['authorization_pending', true, 'debug'],
  ['authorization_pending', false, 'error'],
  ['access_denied', true, 'error'],
  ['temporarily_unavailable', true, 'warn'],
])('%s, polled for: %s, is told at level %s', async (error, polled, level) => {
  const setup = setUp(refuse(400, error))
  const entry = holdingsOf(memoryStore()).entry('lineage', 'entry')
  await failure(requestToken(setup.client, entry, { ...clientCredentials(), polled }, 'login'))
  expect(setup.events.at(-1)).toMatchObject({ type: 'token_request_failed', level, error })
})

test('an error that is none of ours is told without its words, and as one that lasts', async () => {
  const setup = setUp(
    undefined,
    {},
    {
      encodeRequest() {
        throw Object.assign(new Error('of a hook'), { error: 'a secret' })
      },
    },
  )
  await failure(ask(setup, async () => {}))
  expect(setup.events.at(-1)).toMatchObject({
    type: 'token_request_failed',
    level: 'error',
    code: 'ERR_UNKNOWN',
    error: undefined,
    retryable: false,
  })
})
