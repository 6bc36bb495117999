/** Keeps token records in Redis or Valkey, so that all processes and hosts that reach it share them. */
import type { TokenStore } from '@grantkit/core'
import { checkNumber, checkOptions, checkText, optionError, type StoredRecord } from '@grantkit/core/kit'
import { changes } from './changes.js'
import { type Connection, isDone, type Script } from './connection.js'
import { type IoRedisClient, ioRedisConnection, isIoRedis } from './ioredis.js'
import { isNodeRedis, type NodeRedisClient, nodeRedisConnection } from './node-redis.js'
import { checkWaitForReplicas, type WaitForReplicas, writeToReplicas } from './replicas.js'
import * as scripts from './scripts.js'

export type { IoRedisClient, NodeRedisClient, WaitForReplicas }

/** What the records are called, who keeps them secret, and how long is waited for them. */
export interface RedisStoreOptions {
  /** What all its keys and its channel begin with. Default `grantkit`. */
  readonly prefix?: string | undefined
  /**
   * `'elsewhere'` says that you see to it yourself that the records stay secret: they are kept as they come. Default:
   * the store has to be wrapped, `sealedStore(redisStore(client), { keys })`.
   */
  readonly secrecy?: 'elsewhere' | undefined
  /**
   * Waits after each write and each lease until so many replicas have it; with fewer the operation is rejected. Without
   * it, a fail-over forgets what the new primary had not received. Default: nothing is waited for.
   */
  readonly waitForReplicas?: WaitForReplicas | undefined
  /** How long an operation may take before it counts as failed, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined
}

/** What one connection answers long before its time is over. */
const mostAtOnce = 64
const defaultTimeoutMs = 2_000

/**
 * A store in Redis or Valkey. It works through the client it is given, which stays open when the store is closed; to hear
 * of changes, it opens one connection more while somebody listens.
 *
 * @param client of node-redis 5 or 6, connected: `createClient()`, `createCluster()`, `createSentinel()`; or of ioredis
 *   5 or 6: `new Redis()`, in Sentinel mode too, `new Cluster()`
 * @throws TypeError naming the option; each operation rejects with what the client rejects with, or with a
 *   `TokenStoreError` when too few replicas have acknowledged
 */
export function redisStore(client: NodeRedisClient | IoRedisClient, options: RedisStoreOptions = {}): TokenStore {
  checkOptions('redisStore', options, ['prefix', 'secrecy', 'waitForReplicas', 'timeoutMs'])
  const { prefix = 'grantkit', secrecy, waitForReplicas, timeoutMs = defaultTimeoutMs } = options
  checkPrefix(prefix)
  if (secrecy !== undefined && secrecy !== 'elsewhere')
    throw optionError('secrecy', "must be 'elsewhere' or left out; see sealedStore()")
  if (waitForReplicas !== undefined) checkWaitForReplicas(waitForReplicas)
  checkNumber('timeoutMs', timeoutMs, 1)
  const connection = connectionOf(client)
  const channel = `${prefix}:changes`
  const { watch, close } = changes(connection, channel)
  // one hash tag for all keys of a record, so that a cluster has them in one place
  const recordKey = (key: string) => `${prefix}:{${key}}:record`
  const leaseKey = (key: string) => `${prefix}:{${key}}:lease`
  const write = async (operation: string, script: Script) =>
    waitForReplicas === undefined
      ? isDone(await connection.run(script))
      : writeToReplicas(connection, operation, script, waitForReplicas)

  return {
    secrecy,
    limits: { timeoutMs, atOnce: atOnceWithin(timeoutMs, waitForReplicas) },
    async get(key) {
      return recordOf(await connection.run({ text: scripts.get, key: recordKey(key), args: [] }))
    },
    compareAndSet(key, expected, { version, value, keepForMs }) {
      const args = [channel, key, version, value, keepForMs === undefined ? '' : wholeMs(keepForMs)]
      if (expected !== undefined) args.push(expected)
      return write('compareAndSet', { text: scripts.compareAndSet, key: recordKey(key), args })
    },
    delete: (key, version) =>
      write('delete', { text: scripts.remove, key: recordKey(key), args: [channel, key, version] }),
    lease: (key, holder, durationMs) =>
      write('lease', { text: scripts.lease, key: leaseKey(key), args: [holder, wholeMs(durationMs)] }),
    async release(key, holder) {
      await connection.run({ text: scripts.release, key: leaseKey(key), args: [holder] })
    },
    watch,
    async close() {
      close()
    },
  }
}

/** The connection stands still while it waits for replicas: one operation after the other. */
function atOnceWithin(timeoutMs: number, wait: WaitForReplicas | undefined): number {
  if (wait === undefined) return mostAtOnce
  return Math.min(Math.max(Math.floor(timeoutMs / wait.timeoutMs) - 1, 1), mostAtOnce)
}

function checkPrefix(prefix: unknown): void {
  checkText('prefix', prefix)
  if (/[{}]/.test(prefix)) throw optionError('prefix', 'must not contain { or }, which say where a cluster puts a key')
}

function connectionOf(client: unknown): Connection {
  const made = typeof client === 'object' && client !== null ? client : {}
  if (isNodeRedis(made)) {
    if (!made.isOpen) throw optionError('client', 'is not connected: await client.connect() first')
    return nodeRedisConnection(made)
  }
  if (isIoRedis(made)) {
    if (made.status === 'end') throw optionError('client', 'was closed: pass one that is in use')
    return ioRedisConnection(made)
  }
  throw optionError(
    'client',
    'must be a client of node-redis 5 or 6 (createClient, createCluster or createSentinel) or of ioredis 5 or 6 (Redis or Cluster)',
  )
}

/** Clients can be told to give buffers. */
function recordOf(reply: unknown): StoredRecord | undefined {
  const [version, value] = reply as [unknown, unknown]
  return version === null ? undefined : { version: String(version), value: String(value) }
}

/** As Redis takes it: whole, not nothing, and not so much that its clock overflows. */
function wholeMs(milliseconds: number): string {
  return String(Math.min(Math.max(Math.ceil(milliseconds), 1), Number.MAX_SAFE_INTEGER))
}
