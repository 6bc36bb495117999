import { randomBytes } from 'node:crypto'
import { createClient, createUserTokenSources, defineProvider, sealedStore, type TokenStore } from '@grantkit/core'
import { type RedisServer, startRedisServer } from '@grantkit/testing'
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

/** A client that never sends anything. */
function users(store: TokenStore) {
  const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
  const transport = () => Promise.reject(new Error('nothing is to be sent'))
  const provider = defineProvider({ name: 'example', metadata })
  return createUserTokenSources({ client: createClient({ provider, clientId: 'app', transport }), store })
}

function sealed(store: TokenStore): TokenStore {
  return sealedStore(store, { keys: [{ id: 'one', key: randomBytes(32) }] })
}

/** What went wrong while so many users were imported at once, by its message. */
async function importAtOnce(count: number, store: TokenStore): Promise<Record<string, number>> {
  const sources = users(store)
  const failures: Record<string, number> = {}
  const imports = Array.from({ length: count }, (_, index) =>
    sources.for(`user-${index}`).import({ refreshToken: `refresh-token-${index}` }),
  )
  for (const { reason } of (await Promise.allSettled(imports)) as PromiseRejectedResult[])
    if (reason !== undefined) failures[reason.message] = (failures[reason.message] ?? 0) + 1
  return failures
}
