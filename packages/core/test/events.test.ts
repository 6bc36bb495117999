import { expect, test, vi } from 'vitest'
import { createTokenSource } from '../src/create-token-source.js'
import { type GrantKitEvent, notify } from '../src/events.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import { answering, clientOf, failure, granted } from './answering.js'

const event: GrantKitEvent = {
  type: 'token_rejected',
  level: 'debug',
  at: 0,
  provider: 'example',
  clientId: 'app',
  origin: 'https://api.example.com',
  replayed: true,
}

test('tells the listener', () => {
  const listener = vi.fn()
  notify(listener, event)
  expect(listener.mock.calls).toEqual([[event]])
})

test('does without a listener', () => {
  expect(() => notify(undefined, event)).not.toThrow()
})

test('a listener that throws breaks nothing', () => {
  expect(() =>
    notify(() => {
      throw new Error('listener')
    }, event),
  ).not.toThrow()
})

test('a listener whose promise is rejected leaves no unhandled rejection', async () => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  notify((() => Promise.reject(new Error('listener'))) as () => void, event)
  await new Promise(resolve => setImmediate(resolve))
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

test('a token request is told before and after, with its reason and without its tokens', async () => {
  const { transport } = answering(granted)
  const events: GrantKitEvent[] = []
  const client = clientOf(transport, { clientSecret: 's3cret', onEvent: event => void events.push(event) })
  await createTokenSource({ client, grant: clientCredentials({ scope: 'a' }) }).getTokenSet()
  expect(events).toMatchObject([
    { type: 'token_requested', level: 'debug', provider: 'example', grantType: 'client_credentials', reason: 'cold' },
    { type: 'token_received', level: 'debug', reason: 'cold', scope: 'a', missingScope: [] },
    { type: 'token_awaited', level: 'debug', reason: 'cold', outcome: 'served' },
  ])
  expect(JSON.stringify(events)).not.toMatch(/at-1|s3cret/)
})

test('a scope that was not granted is a warning', async () => {
  const { transport } = answering({ body: { access_token: 'at', token_type: 'Bearer', scope: 'a' } })
  const events: GrantKitEvent[] = []
  const client = clientOf(transport, { onEvent: event => void events.push(event) })
  await createTokenSource({ client, grant: clientCredentials({ scope: 'a b' }) }).getTokenSet()
  expect(events[1]).toMatchObject({ level: 'warn', scope: 'a', missingScope: ['b'] })
})

for (const [status, level, retryable] of [
  [503, 'warn', true],
  [401, 'error', false],
] as const)
  test(`a failure with ${status} is told at level ${level}`, async () => {
    const { transport } = answering({ status, body: { error: 'no' } })
    const events: GrantKitEvent[] = []
    const client = clientOf(transport, { onEvent: event => void events.push(event), clientId: `events-${status}` })
    await failure(createTokenSource({ client, grant: clientCredentials() }).getTokenSet())
    expect(events[1]).toMatchObject({
      type: 'token_request_failed',
      level,
      code: 'ERR_SERVER_REFUSED',
      status,
      error: 'no',
      retryable,
    })
  })

test('a listener that throws does not fail the request', async () => {
  const onEvent = () => {
    throw new Error('listener')
  }
  const client = clientOf(answering(granted).transport, { onEvent })
  expect((await createTokenSource({ client, grant: clientCredentials() }).getTokenSet()).accessToken).toBe('at-1')
})
