import { createClient, createUserTokenSources, defineProvider, type TokenStore, type Transport } from '@grantkit/core'
import { type RedisServer, rejection, startRedisServer } from '@grantkit/testing'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { redisStore } from '../src/index.js'
import { onServer } from './clients.js'
import { freshKey, needed, recordOf } from './scene.js'

let server: RedisServer | undefined

beforeAll(async () => {
  server = await startRedisServer({ config: ['maxmemory-policy noeviction'] })
})
afterAll(() => server?.stop())

async function scene(context: TestContext) {
  const redis = needed(context, server)
  const user = await onServer['node-redis 6']?.(redis)
  if (user === undefined) throw new Error('There is no such client')
  context.onTestFinished(() => user[Symbol.asyncDispose]())
  const limit = (bytes: number) => redis.command('CONFIG', 'SET', 'maxmemory', `${bytes}`)
  context.onTestFinished(() => limit(0).then(() => {}))
  return { store: redisStore(user.client, { secrecy: 'elsewhere' }), full: () => limit(1), room: () => limit(0) }
}

describe('a Redis at its memory limit that evicts nothing', () => {
  test('gives what it keeps, and refuses every write and every lease', async context => {
    const { store, full, room } = await scene(context)
    const key = freshKey()
    const record = recordOf('value')
    await store.compareAndSet(key, undefined, record)
    await full()
    expect(await store.get(key)).toEqual({ version: record.version, value: 'value' })
    expect((await rejection(store.compareAndSet(key, record.version, recordOf('next')))).message).toMatch(/OOM/)
    expect((await rejection(store.lease(key, 'holder', 1_000))).message).toMatch(/OOM/)
    await room()
    expect(await store.lease(key, 'holder', 1_000)).toBe(true)
  })

  test('spends no refresh token: none is sent without a lease', async context => {
    const { store, full } = await scene(context)
    const sent: unknown[] = []
    const user = userOf(store, async request => {
      sent.push(request)
      throw new Error('nothing is to be sent')
    })
    await user.import({ refreshToken: 'first' })
    await full()
    await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_TOKEN_STORE', retryable: true })
    expect(sent).toEqual([])
  })

  test('is offered an answer that came too late for it until it takes it', async context => {
    const { store, full, room } = await scene(context)
    const sent: string[] = []
    const user = userOf(store, async ({ body }) => {
      sent.push(new URLSearchParams(String(body)).get('refresh_token') ?? '')
      await full()
      setTimeout(room, 600)
      const answer = { access_token: 'access', token_type: 'Bearer', expires_in: 3600, refresh_token: 'second' }
      return { status: 200, headers: new Headers(), body: Buffer.from(JSON.stringify(answer)) }
    })
    await user.import({ refreshToken: 'first' })
    expect(await user.getTokenSet()).toMatchObject({ accessToken: 'access', refreshToken: 'second' })
    const another = userOf(store, () => Promise.reject(new Error('nothing is to be sent')))
    expect(await another.getTokenSet()).toMatchObject({ accessToken: 'access', refreshToken: 'second' })
    expect(sent).toEqual(['first'])
  })
})

function userOf(store: TokenStore, transport: Transport) {
  const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
  const client = createClient({ provider: defineProvider({ name: 'example', metadata }), clientId: 'app', transport })
  // as another process has it: nothing is shared but what is kept
  return createUserTokenSources({ client, store: { ...store } }).for(expect.getState().currentTestName ?? 'alice')
}
