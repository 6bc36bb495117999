import { randomBytes } from 'node:crypto'
import { sealedStore, type TokenStore } from '@grantkit/core'
import { importAtOnce, type RedisServer, startRedisServer } from '@grantkit/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { redisStore } from '../src/index.js'
import { onServer } from './clients.js'
import { needed } from './scene.js'

let server: RedisServer | undefined

beforeAll(async () => {
  server = await startRedisServer()
})
afterAll(() => server?.stop())

for (const name of ['node-redis 6', 'ioredis 6'])
  test(`10,000 users are imported in one loop, with ${name}`, async context => {
    const redis = needed(context, server)
    await redis.command('FLUSHALL')
    const user = await onServer[name]?.(redis)
    if (user === undefined) throw new Error(`There is no ${name}`)
    context.onTestFinished(() => user[Symbol.asyncDispose]())
    expect(await importAtOnce(10_000, sealed(redisStore(user.client)))).toEqual({})
    expect(await redis.command('DBSIZE')).toBe(10_000)
  }, 120_000)

function sealed(store: TokenStore): TokenStore {
  return sealedStore(store, { keys: [{ id: 'one', key: randomBytes(32) }] })
}
