import {
  type RedisCluster,
  type RedisServer,
  redisRelay,
  rejection,
  startRedisCluster,
  startRedisServer,
} from '@grantkit/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisStore } from '../src/index.js'
import { onCluster, onServer } from './clients.js'
import { eventually, freshKey, needed, recordOf } from './scene.js'

const secrecy = 'elsewhere'
const patient = { secrecy, waitForReplicas: { count: 1, timeoutMs: 10_000 } } as const
const impatient = { secrecy, waitForReplicas: { count: 1, timeoutMs: 100 } } as const

describe.concurrent('waitForReplicas', () => {
  for (const [name, open] of Object.entries(onServer)) {
    test(`resolves once a replica has it: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await using replica = needed(context, await startRedisServer())
      await replica.replicaOf(server)
      await using user = await open(server)
      const store = redisStore(user.client, patient)
      const key = freshKey()
      const record = recordOf('kept')

      expect(await store.compareAndSet(key, undefined, record)).toBe(true)
      expect(await replica.command('HGET', `grantkit:{${key}}:record`, 'value')).toBe('kept')
      expect(await store.lease(key, 'holder', 60_000)).toBe(true)
      expect(await replica.command('GET', `grantkit:{${key}}:lease`)).toBe('holder')
      expect(await store.delete(key, record.version)).toBe(true)
      expect(await replica.command('EXISTS', `grantkit:{${key}}:record`)).toBe(0)
    })

    test(`rejects with too few replicas, and takes the same write once there are enough: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await using replica = needed(context, await startRedisServer())
      await using user = await open(server)
      const store = redisStore(user.client, impatient)
      const key = freshKey()
      const record = recordOf('kept')

      for (const attempt of [
        () => store.compareAndSet(key, undefined, record),
        () => store.compareAndSet(key, undefined, record),
        () => store.lease(key, 'holder', 60_000),
        () => store.delete(key, record.version),
      ])
        expect(await rejection(attempt())).toMatchObject({
          code: 'ERR_TOKEN_STORE',
          message: expect.stringContaining('0 of 1 replicas had it after 100 ms'),
        })
      await replica.replicaOf(server)
      await eventually('the same write is taken', () => store.compareAndSet(key, undefined, record))
      await eventually('so is the lease', () => store.lease(key, 'holder', 60_000))
      expect(await replica.command('HGET', `grantkit:{${key}}:record`, 'value')).toBe('kept')
    })

    test(`waits for no replica to say that nothing was written: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await using user = await open(server)
      const store = redisStore(user.client, impatient)
      const key = freshKey()
      await redisStore(user.client).lease(key, 'somebody', 60_000)

      expect(await store.compareAndSet(key, 'never written', recordOf('late'))).toBe(false)
      expect(await store.delete(key, 'never written')).toBe(false)
      expect(await store.lease(key, 'holder', 60_000)).toBe(false)
    })

    test(`counts a write asked again, though it changes nothing, as one the replica must have: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await using replica = needed(context, await startRedisServer())
      await replica.replicaOf(server)
      await using user = await open(server)
      const store = redisStore(user.client, impatient)
      const key = freshKey()
      const record = recordOf('kept')

      replica.freeze()
      expect(await rejection(store.compareAndSet(key, undefined, record))).toBeInstanceOf(Error)
      await using another = await open(server)
      // a connection that has written nothing yet
      const retry = redisStore(another.client, impatient).compareAndSet(key, undefined, record)
      expect(await rejection(retry)).toBeInstanceOf(Error)
      replica.resume()
      await eventually('the same write is taken', () => store.compareAndSet(key, undefined, record))
    })

    test(`does not take the replicas of another connection for those of a write: ${name}`, async context => {
      await using server = needed(context, await startRedisServer())
      await using replica = needed(context, await startRedisServer())
      await replica.replicaOf(server)
      await using relay = await redisRelay(server)
      await using user = await open(relay)
      const store = redisStore(user.client, patient)
      const key = freshKey()
      replica.freeze()

      const outcome = store.compareAndSet(key, undefined, recordOf('kept')).catch(() => 'rejected')
      await eventually('the server waits', async () => (await server.info('clients')).blocked_clients === '1')
      relay.cut()
      await eventually('the server has noticed', async () => (await server.info('clients')).blocked_clients === '0')
      relay.restore()
      // a client may send all of it again, and then the server waits again
      const settled = await Promise.race([outcome, waitsAgain(server)])
      expect(settled).not.toBe(true)
      replica.resume()
      await outcome
    })
  }
})

describe('waitForReplicas on a cluster', () => {
  let cluster: RedisCluster | undefined
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicasEach: 1 })
  })
  afterAll(() => cluster?.stop())

  for (const [name, open] of Object.entries(onCluster))
    test(`asks the node that has the key, after it has moved as well: ${name}`, async context => {
      const { primaries, moveSlot } = needed(context, cluster)
      await using user = await open(cluster as RedisCluster)
      const store = redisStore(user.client, patient)
      const [from, to] = primaries as [RedisServer, RedisServer]
      const kept = async (key: string) => {
        const record = recordOf('kept')
        return (await store.compareAndSet(key, undefined, record)) && (await store.lease(key, 'holder', 60_000))
      }

      expect(await kept(await keyOn(from, 0, 5_460))).toBe(true)
      const moved = await keyOn(from, 0, 5_460)
      await moveSlot(Number(await from.command('CLUSTER', 'KEYSLOT', moved)), to)
      expect(await kept(moved)).toBe(true)
      expect(await to.command('HGET', `grantkit:{${moved}}:record`, 'value')).toBe('kept')
    })
})

async function waitsAgain(server: RedisServer): Promise<string> {
  await eventually('the server waits again', async () => (await server.info('clients')).blocked_clients === '1')
  return 'waits again'
}

async function keyOn(node: RedisServer, from: number, to: number): Promise<string> {
  for (;;) {
    const key = freshKey()
    const slot = Number(await node.command('CLUSTER', 'KEYSLOT', key))
    if (slot >= from && slot <= to) return key
  }
}
