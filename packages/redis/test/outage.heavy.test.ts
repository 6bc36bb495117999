import {
  type RedisCluster,
  type RedisServer,
  redisRelay,
  rejection,
  startRedisCluster,
  startRedisSentinel,
  startRedisServer,
} from '@grantkit/testing'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { createClient } from 'redis'
import { createClient as createClient5 } from 'redis-5'
import { describe, expect, test } from 'vitest'
import { redisStore } from '../src/index.js'
import { connected, onCluster, onSentinel, onServer, ready, type UserClient } from './clients.js'
import { eventually, freshKey, needed, recordOf, within, writeUntilTold } from './scene.js'

describe.concurrent('a server that is killed', () => {
  for (const [name, open] of Object.entries(onServer))
    test(`rejects or waits, and works as before once it runs again: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await using user = await open(server)
      await survives(user, {
        during: () => server.kill(),
        after: () => server.restart(),
      })
    })
})

describe.concurrent('a connection that breaks', () => {
  const host = '127.0.0.1'
  const clients: Readonly<Record<string, (server: { readonly port: number }) => Promise<UserClient>>> = {
    'node-redis 6': ({ port }) => connected(createClient({ socket: { host, port }, disableOfflineQueue: true })),
    'node-redis 5': ({ port }) => connected(createClient5({ socket: { host, port }, disableOfflineQueue: true })),
    'ioredis 6': ({ port }) => ready(new Redis({ host, port, enableOfflineQueue: false, maxRetriesPerRequest: 0 })),
    'ioredis 5': ({ port }) => ready(new Redis5({ host, port, enableOfflineQueue: false, maxRetriesPerRequest: 0 })),
  }
  for (const [name, open] of Object.entries(clients))
    test(`fails what is under way, and what comes after, with the settings the README names: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await using relay = await redisRelay(server)
      await using user = await open(relay)
      const store = redisStore(user.client)
      const told: (string | undefined)[] = []
      store.watch?.((_key, version) => told.push(version))
      await writeUntilTold(store, told)

      relay.stall()
      const underWay = rejection(store.get(freshKey()))
      relay.cut()
      expect(await underWay).toBeInstanceOf(Error)
      for (const operation of [store.get(freshKey()), store.compareAndSet(freshKey(), undefined, recordOf(''))])
        expect(await rejection(operation)).toBeInstanceOf(Error)
      relay.restore()
      told.length = 0
      await writeUntilTold(store, told)
      await store.close?.()
    })
})

describe.concurrent('a server that is not there', () => {
  for (const [name, open] of Object.entries(onServer)) {
    test(`is watched once it is there: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await using user = await open(server)
      await server.kill()
      const store = redisStore(user.client)
      const told: (string | undefined)[] = []
      store.watch?.((_key, version) => told.push(version))
      await server.restart()
      await writeUntilTold(store, told)
      await store.close?.()
    })

    test(`is not subscribed to by a store that was closed meanwhile: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      const user = await open(server)
      const stores = [redisStore(user.client), redisStore(user.client)]
      stores[0]?.watch?.(() => {})
      await eventually('it has subscribed', async () => (await subscribers(server)) === 1)
      await server.kill()
      stores[1]?.watch?.(() => {})
      for (const store of stores) await store.close?.()
      await user[Symbol.asyncDispose]()
      await server.restart()

      await using another = await open(server)
      const told: (string | undefined)[] = []
      const store = redisStore(another.client)
      store.watch?.((_key, version) => told.push(version))
      await writeUntilTold(store, told)
      await eventually('no other subscribes', async () => (await subscribers(server)) === 1)
      await store.close?.()
    })
  }
})

describe.concurrent('a cluster of which one node is killed', () => {
  for (const [name, open] of Object.entries(onCluster))
    test(`works as before once it runs again: ${name}`, async context => {
      await using cluster = needed(context, await startRedisCluster())
      await using user = await open(cluster)
      const node = cluster.primaries[1] as RedisServer
      await survives(user, { during: () => node.kill(), after: () => rejoin(cluster, node) })
    })
})

describe.concurrent('a fail-over by Sentinel', () => {
  for (const [name, open] of Object.entries(onSentinel))
    test(`goes on with the new primary: ${name}`, async context => {
      await using sentinel = needed(context, await startRedisSentinel())
      await using user = await open(sentinel)
      await survives(user, { during: () => sentinel.failOver(), after: async () => {} })
    })
})

interface Outage {
  during(): Promise<void>
  after(): Promise<void>
}

/** vitest fails a run in which a rejection goes unheard. */
async function survives({ client }: UserClient, { during, after }: Outage): Promise<void> {
  const store = redisStore(client, { secrecy: 'elsewhere' })
  const told: (string | undefined)[] = []
  store.watch?.((_key, version) => told.push(version))
  await writeUntilTold(store, told)

  await during()
  const operations = Array.from({ length: 20 }, () => freshKey()).flatMap(key => [
    store.get(key),
    store.compareAndSet(key, undefined, recordOf('in the outage')),
    store.lease(key, 'holder', 1_000),
    store.release(key, 'holder'),
  ])
  const settled = Promise.allSettled(operations)
  await within(settled, 500).catch(() => {})
  await after()

  await eventually('it works again', async () => {
    const key = freshKey()
    const record = recordOf('after the outage')
    return (
      (await within(store.compareAndSet(key, undefined, record))) &&
      (await within(store.get(key)))?.value === record.value
    )
  })
  await writeUntilTold(store, told)
  await store.close?.()
  await within(settled, 20_000)
}

async function rejoin(cluster: RedisCluster, node: RedisServer): Promise<void> {
  await node.restart()
  await eventually('the cluster is whole', async () =>
    (await Promise.all(cluster.primaries.map(one => one.command('CLUSTER', 'INFO')))).every(info =>
      String(info).includes('cluster_state:ok'),
    ),
  )
}

async function subscribers(server: RedisServer): Promise<number> {
  const reply = await server.command('PUBSUB', 'NUMSUB', 'grantkit:changes')
  return Number((reply as readonly unknown[])[1])
}
