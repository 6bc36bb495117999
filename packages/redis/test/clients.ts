/** Every client the tests run with: the newest of each supported major, on one server, a cluster and Sentinel. */
import type { RedisCluster, RedisSentinel } from '@grantkit/testing'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5'
import { createClient, createCluster, createSentinel } from 'redis'
import {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from 'redis-5'
import type { IoRedisClient, NodeRedisClient } from '../src/index.js'

/** A client as a user has it. */
export interface UserClient extends AsyncDisposable {
  readonly client: NodeRedisClient | IoRedisClient
}

interface Server {
  readonly port: number
}

const host = '127.0.0.1'

const nodeRedis = ({ port }: Server) => connected(createClient({ socket: { host, port } }))
const nodeRedis5 = ({ port }: Server) => connected(createClient5({ socket: { host, port } }))
const ioRedis = ({ port }: Server) => ready(new Redis({ host, port }))
const ioRedis5 = ({ port }: Server) => ready(new Redis5({ host, port }))

export const onServer: Readonly<Record<string, (server: Server) => Promise<UserClient>>> = {
  'node-redis 6': nodeRedis,
  'node-redis 5': nodeRedis5,
  'ioredis 6': ioRedis,
  'ioredis 5': ioRedis5,
}

export const onCluster: Readonly<Record<string, (cluster: RedisCluster) => Promise<UserClient>>> = {
  'node-redis 6': ({ primaries }) => connected(createCluster({ rootNodes: primaries.map(({ url }) => ({ url })) })),
  'node-redis 5': ({ primaries }) => connected(createCluster5({ rootNodes: primaries.map(({ url }) => ({ url })) })),
  'ioredis 6': ({ primaries }) => ready(new Cluster(primaries.map(({ port }) => ({ host, port })))),
  'ioredis 5': ({ primaries }) => ready(new Cluster5(primaries.map(({ port }) => ({ host, port })))),
}

export const onSentinel: Readonly<Record<string, (sentinel: RedisSentinel) => Promise<UserClient>>> = {
  'node-redis 6': ({ name, sentinels }) => connected(createSentinel({ name, sentinelRootNodes: addresses(sentinels) })),
  'node-redis 5': ({ name, sentinels }) =>
    connected(createSentinel5({ name, sentinelRootNodes: addresses(sentinels) })),
  'ioredis 6': ({ name, sentinels }) => ready(new Redis({ name, sentinels: addresses(sentinels) })),
  'ioredis 5': ({ name, sentinels }) => ready(new Redis5({ name, sentinels: addresses(sentinels) })),
}

function addresses(servers: readonly Server[]) {
  return servers.map(({ port }) => ({ host, port }))
}

interface Connectable extends NodeRedisClient {
  connect(): Promise<unknown>
  on(event: 'error', listener: () => void): unknown
}

/** Connects a client of node-redis. */
export async function connected(client: Connectable): Promise<UserClient> {
  client.on('error', () => {})
  await client.connect()
  return { client, [Symbol.asyncDispose]: async () => void (await client.destroy()) }
}

interface Connecting extends IoRedisClient {
  on(event: 'error', listener: () => void): unknown
  once(event: 'ready', listener: () => void): unknown
}

/** Waits until a client of ioredis has connected. */
export async function ready(client: Connecting): Promise<UserClient> {
  client.on('error', () => {})
  if (client.status !== 'ready') await new Promise<void>(resolve => client.once('ready', resolve))
  return { client, [Symbol.asyncDispose]: async () => client.disconnect() }
}
