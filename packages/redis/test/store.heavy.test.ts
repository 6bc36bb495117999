import { type RedisServer, startRedisCluster, startRedisServer } from '@grantkit/testing'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, RESP_TYPES } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisStore } from '../src/index.js'
import { connected, onServer, ready } from './clients.js'
import { eventually, freshKey, needed, recordOf } from './scene.js'

const host = '127.0.0.1'
let server: RedisServer | undefined

beforeAll(async () => {
  server = await startRedisServer()
})
afterAll(() => server?.stop())

describe('what is kept', () => {
  test('is under keys of the prefix and the key, and told of on one channel of the prefix', async context => {
    await using own = needed(context, await startRedisServer())
    await using user = await connected(createClient({ url: own.url }))
    const store = redisStore(user.client, { prefix: 'bank:tokens' })
    const told: unknown[] = []
    store.watch?.((...change) => told.push(change))
    await eventually('it has subscribed', async () => ((await own.command('PUBSUB', 'CHANNELS')) as []).length > 0)
    const key = freshKey()
    const { version } = recordOf('')
    await store.compareAndSet(key, undefined, { version, value: 'the value', keepForMs: undefined })
    await store.lease(key, 'the-holder', 60_000)

    const keys = (await own.command('KEYS', '*')) as readonly string[]
    expect(keys.toSorted()).toEqual([`bank:tokens:{${key}}:lease`, `bank:tokens:{${key}}:record`])
    expect(await own.command('HGETALL', `bank:tokens:{${key}}:record`)).toEqual([
      'version',
      version,
      'value',
      'the value',
    ])
    expect(await own.command('GET', `bank:tokens:{${key}}:lease`)).toBe('the-holder')
    expect(await own.command('PUBSUB', 'CHANNELS')).toEqual(['bank:tokens:changes'])
    await store.delete(key, version)
    await eventually('both were told of', () => told.length === 2)
    expect(told).toEqual([
      [key, version],
      [key, undefined],
    ])
    await store.close?.()
  })

  test('is in one slot of a cluster, record and lease', async context => {
    await using cluster = needed(context, await startRedisCluster())
    const [first] = cluster.primaries as readonly [RedisServer]
    for (const key of [freshKey(), 'a', '-'.repeat(100)]) {
      const slots = ['record', 'lease'].map(what => first.command('CLUSTER', 'KEYSLOT', `grantkit:{${key}}:${what}`))
      const [slot] = await Promise.all([...slots, first.command('CLUSTER', 'KEYSLOT', key)])
      expect(await Promise.all(slots)).toEqual([slot, slot])
    }
  })

  test('is kept for as long as it is worth keeping, by the clock of the server', async context => {
    const { command } = needed(context, server)
    await using user = await connected(createClient({ url: server?.url as string }))
    const store = redisStore(user.client)
    const key = freshKey()
    const left = (what: string) => command('PTTL', `grantkit:{${key}}:${what}`).then(Number)
    let version: string | undefined
    const write = async (keepForMs: number | undefined) => {
      const record = recordOf('', keepForMs)
      expect(await store.compareAndSet(key, version, record)).toBe(true)
      version = record.version
      return left('record')
    }

    expect(await write(60_000.5)).toSatisfy(ms => ms > 50_000 && ms <= 60_001)
    expect(await write(undefined)).toBe(-1)
    expect(await write(1e300)).toBeGreaterThan(1e15)
    expect(await write(Number.POSITIVE_INFINITY)).toBeGreaterThan(1e15)
    expect(await store.lease(key, 'holder', 60_000)).toBe(true)
    expect(await left('lease')).toSatisfy(ms => ms > 50_000 && ms <= 60_000)
    expect(await store.lease(key, 'holder', 30_000)).toBe(true)
    expect(await left('lease')).toSatisfy(ms => ms > 20_000 && ms <= 30_000)
    // over at once
    expect(await write(0)).toBeLessThanOrEqual(1)
    await eventually('it has gone', async () => (await store.get(key)) === undefined)
  })
})

describe('scripts', () => {
  for (const [name, open] of Object.entries(onServer))
    test(`go on after SCRIPT FLUSH: ${name}`, async context => {
      await using user = await open(needed(context, server))
      const store = redisStore(user.client)
      const key = freshKey()
      const record = recordOf('kept')
      for (const operation of [
        () => store.compareAndSet(key, undefined, record),
        () => store.lease(key, 'holder', 60_000),
        () => store.get(key),
        () => store.release(key, 'holder'),
        () => store.delete(key, record.version),
      ]) {
        await operation()
        await server?.command('SCRIPT', 'FLUSH')
        await operation()
      }
      expect(await store.get(key)).toBeUndefined()
    })
})

describe("a client's own settings", () => {
  const clients = {
    'node-redis, strings as buffers': () =>
      connected(
        createClient({
          url: server?.url as string,
          commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String } },
        }),
      ),
    'node-redis, RESP2': () => connected(createClient({ url: server?.url as string, RESP: 2 })),
    'node-redis, a prefix for keys': () => connected(createClient({ url: server?.url as string, keyPrefix: 'app:' })),
    'node-redis, no queue while offline': () =>
      connected(createClient({ url: server?.url as string, disableOfflineQueue: true })),
    'node-redis, another database': () => connected(createClient({ url: server?.url as string, database: 3 })),
    'ioredis, numbers as strings': () => ready(new Redis({ host, port: server?.port as number, stringNumbers: true })),
    'ioredis, a prefix for keys': () => ready(new Redis({ host, port: server?.port as number, keyPrefix: 'app:' })),
    'ioredis, no queue while offline': () =>
      ready(new Redis({ host, port: server?.port as number, enableOfflineQueue: false })),
    'ioredis, pipelines of its own': () =>
      ready(new Redis({ host, port: server?.port as number, enableAutoPipelining: true })),
    'ioredis, connected when first used': async () => {
      const client = new Redis({ host, port: server?.port as number, lazyConnect: true })
      return { client, [Symbol.asyncDispose]: async () => client.disconnect() }
    },
  }
  for (const [name, open] of Object.entries(clients))
    test(`change nothing for the store: ${name}`, async context => {
      needed(context, server)
      await using user = await open()
      const store = redisStore(user.client, { waitForReplicas: undefined })
      const told: (string | undefined)[] = []
      store.watch?.((_key, version) => told.push(version))
      const key = freshKey()
      let last: string | undefined
      await eventually('a write is told of', async () => {
        const record = recordOf('Grüße')
        expect(await store.compareAndSet(key, last, record)).toBe(true)
        last = record.version
        return told.length > 0
      })
      expect(await store.get(key)).toEqual({ version: last, value: 'Grüße' })
      expect(await store.lease(key, 'first', 60_000)).toBe(true)
      expect(await store.lease(key, 'second', 60_000)).toBe(false)
      await store.release(key, 'first')
      expect(await store.lease(key, 'second', 60_000)).toBe(true)
      expect(await store.delete(key, last as string)).toBe(true)
      expect(await store.get(key)).toBeUndefined()
      await store.close?.()
    })

  test('do not have it read from replicas, which may be behind', async context => {
    await using cluster = needed(context, await startRedisCluster({ replicasEach: 1 }))
    const nodes = cluster.primaries
    await using nodeRedis = await connected(
      createCluster({ rootNodes: nodes.map(({ url }) => ({ url })), useReplicas: true }),
    )
    await using ioRedis = await ready(
      new Cluster(
        nodes.map(({ port }) => ({ host, port })),
        { scaleReads: 'slave' },
      ),
    )
    for (const replica of cluster.replicas) await replica.command('CONFIG', 'RESETSTAT')
    for (const { client } of [nodeRedis, ioRedis]) {
      const store = redisStore(client)
      for (let round = 0; round < 20; round++) {
        const key = freshKey()
        await store.compareAndSet(key, undefined, recordOf('kept'))
        expect(await store.get(key)).toMatchObject({ value: 'kept' })
      }
    }
    for (const replica of cluster.replicas) expect((await replica.info('commandstats')).cmdstat_eval).toBeUndefined()
  })
})

describe('permissions', () => {
  test('are those the README lists, and no more', async context => {
    await using own = needed(context, await startRedisServer())
    await using replica = needed(context, await startRedisServer())
    await replica.replicaOf(own)
    const commands = 'eval hget hset hmget persist pexpire get set del publish subscribe wait'.split(' ')
    const rules = [
      'on',
      '>secret',
      '~grantkit:*',
      'resetchannels',
      '&grantkit:changes',
      '-@all',
      ...commands.map(name => `+${name}`),
    ]
    await own.command('ACL', 'SETUSER', 'tokens', ...rules)
    for (const user of [
      await connected(createClient({ url: own.url, username: 'tokens', password: 'secret' })),
      await ready(new Redis({ host, port: own.port, username: 'tokens', password: 'secret', enableReadyCheck: false })),
    ]) {
      const store = redisStore(user.client, { waitForReplicas: { count: 1, timeoutMs: 5_000 } })
      const told: unknown[] = []
      store.watch?.(() => told.push(1))
      const key = freshKey()
      let last: string | undefined
      await eventually('a write is told of', async () => {
        const record = recordOf('kept', 60_000)
        expect(await store.compareAndSet(key, last, record)).toBe(true)
        last = record.version
        return told.length > 0
      })
      expect(await store.get(key)).toMatchObject({ value: 'kept' })
      expect(await store.lease(key, 'holder', 60_000)).toBe(true)
      await store.release(key, 'holder')
      expect(await store.delete(key, last as string)).toBe(true)
      await store.close?.()
      await user[Symbol.asyncDispose]()
    }
    const log = (await own.command('ACL', 'LOG')) as readonly (readonly unknown[])[]
    const refused = log.map(entry => entry[entry.indexOf('object') + 1])
    expect(
      refused.filter(object => commands.includes(String(object)) || String(object).startsWith('grantkit')),
    ).toEqual([])
  })
})
