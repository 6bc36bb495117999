import { type RedisServer, startRedisCluster, startRedisSentinel, startRedisServer } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { redisStore } from '../src/index.js'
import { onCluster, onSentinel, onServer, type UserClient } from './clients.js'
import { eventually, freshKey, needed, recordOf, writeUntilTold } from './scene.js'

const channel = 'grantkit:changes'

describe.concurrent('watch() on one server', () =>
  changesOn(onServer, async () => {
    const server = await startRedisServer()
    return server && { servers: server, nodes: [server], stop: server.stop }
  }))

describe.concurrent('watch() on a cluster', () =>
  changesOn(onCluster, async () => {
    const cluster = await startRedisCluster()
    return cluster && { servers: cluster, nodes: cluster.primaries, stop: cluster.stop }
  }))

describe.concurrent('watch() through Sentinel', () =>
  changesOn(onSentinel, async () => {
    const sentinel = await startRedisSentinel()
    return sentinel && { servers: sentinel, nodes: sentinel.servers, stop: sentinel.stop }
  }))

describe.concurrent('watch() without permission', () => {
  for (const [name, open] of Object.entries(onServer))
    test(`leaves the store as it is, without hints: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await server.command('ACL', 'SETUSER', 'default', 'resetchannels', '-publish', '-subscribe')
      await using user = await open(server)
      const store = redisStore(user.client)
      store.watch?.(() => {})
      const key = freshKey()
      const record = recordOf('kept')

      await eventually('subscribing was refused', async () => (await refused(server)).length > 0)
      expect(await store.compareAndSet(key, undefined, record)).toBe(true)
      expect(await store.get(key)).toEqual({ version: record.version, value: 'kept' })
      expect(await store.delete(key, record.version)).toBe(true)
      await store.close?.()
    })
})

interface Started<Servers> {
  readonly servers: Servers
  /** Those a client may subscribe at. */
  readonly nodes: readonly RedisServer[]
  stop(): Promise<void>
}

function changesOn<Servers>(
  clients: Readonly<Record<string, (servers: Servers) => Promise<UserClient>>>,
  start: () => Promise<Started<Servers> | undefined>,
): void {
  for (const [name, open] of Object.entries(clients)) {
    test(`tells of changes again after its connection was killed: ${name}`, async context => {
      const { servers, nodes, stop } = needed(context, await start())
      await using _ = { [Symbol.asyncDispose]: stop }
      await using here = await open(servers)
      await using there = await open(servers)
      const told: (string | undefined)[] = []
      const watching = redisStore(here.client)
      const writing = redisStore(there.client)
      watching.watch?.((_key, version) => told.push(version))
      await writeUntilTold(writing, told)

      for (let round = 0; round < 3; round++) {
        expect(await killed(nodes)).toBe(1)
        told.length = 0
        await writeUntilTold(writing, told)
      }
      await watching.close?.()
    })

    test(`subscribes once for all listeners, and not at all once they are gone: ${name}`, async context => {
      const { servers, nodes, stop } = needed(context, await start())
      await using _ = { [Symbol.asyncDispose]: stop }
      await using user = await open(servers)
      const store = redisStore(user.client)
      const before = await connections(nodes)

      const stops = [1, 2, 3].map(() => store.watch?.(() => {}))
      await eventually('it has subscribed', async () => (await subscribers(nodes)) === 1)
      for (const stopWatching of stops) stopWatching?.()
      await eventually('nobody subscribes', async () => (await subscribers(nodes)) === 0)

      store.watch?.(() => {})
      await eventually('it has subscribed again', async () => (await subscribers(nodes)) === 1)
      await store.close?.()
      await eventually('nobody subscribes', async () => (await subscribers(nodes)) === 0)
      await eventually('all it opened is closed', async () => (await connections(nodes)) <= before)
      expect(await store.compareAndSet(freshKey(), undefined, recordOf('kept'))).toBe(true)
    })

    test(`leaves nothing open when it is closed at once: ${name}`, async context => {
      const { servers, nodes, stop } = needed(context, await start())
      await using _ = { [Symbol.asyncDispose]: stop }
      await using user = await open(servers)
      const before = await connections(nodes)

      for (let round = 0; round < 5; round++) {
        const store = redisStore(user.client)
        store.watch?.(() => {})
        await store.close?.()
      }
      // what is opened late would come after this
      const store = redisStore(user.client)
      store.watch?.(() => {})
      await eventually('it has subscribed', async () => (await subscribers(nodes)) >= 1)
      await store.close?.()
      await eventually('nobody subscribes', async () => (await subscribers(nodes)) === 0)
      await eventually('all it opened is closed', async () => (await connections(nodes)) <= before)
    })
  }
}

async function subscribers(nodes: readonly RedisServer[]): Promise<number> {
  const replies = await Promise.all(nodes.map(node => node.command('PUBSUB', 'NUMSUB', channel)))
  return sum(replies.map(reply => Number((reply as readonly unknown[])[1])))
}

async function connections(nodes: readonly RedisServer[]): Promise<number> {
  const lists = await Promise.all(
    nodes.map(async node => [...(await clients(node, 'normal')), ...(await clients(node, 'pubsub'))]),
  )
  return lists.flat().length
}

async function killed(nodes: readonly RedisServer[]): Promise<number> {
  const ids = nodes.map(async node => {
    const found = (await clients(node, 'pubsub')).map(line => line.match(/^id=(\d+)/)?.[1])
    for (const id of found) await node.command('CLIENT', 'KILL', 'ID', String(id))
    return found
  })
  return (await Promise.all(ids)).flat().length
}

/** A line for each connection of a client: not those of Sentinel, nor the one that asks. */
async function clients(node: RedisServer, type: string): Promise<readonly string[]> {
  const lines = String(await node.command('CLIENT', 'LIST', 'TYPE', type)).split('\n')
  return lines.filter(line => line !== '' && !line.includes('name=sentinel') && !line.includes('cmd=client'))
}

async function refused(server: RedisServer): Promise<readonly unknown[]> {
  return (await server.command('ACL', 'LOG')) as readonly unknown[]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
