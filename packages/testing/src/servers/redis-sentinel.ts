/** Sentinels, a primary and its replicas, for tests. */
import { eventually, launch, type RedisServer, redisProgram, startRedisServer } from './redis-server.js'

/** How many servers and Sentinels there are. */
export interface RedisSentinelOptions {
  /** Default 1. */
  readonly replicas?: number | undefined
  /** Default 1. All but a minority of them have to agree on a fail-over. */
  readonly sentinels?: number | undefined
  /** After how many milliseconds without an answer a server counts as down. Default 1,000. */
  readonly downAfterMs?: number | undefined
  /** Lines of the configuration file of the primary and of each replica. */
  readonly config?: readonly string[] | undefined
}

/** Running servers and the Sentinels that watch them. */
export interface RedisSentinel extends AsyncDisposable {
  /** What Sentinel calls the primary, whichever server that is. */
  readonly name: string
  /** The primary at first, and its replicas. */
  readonly servers: readonly RedisServer[]
  /** The Sentinels, in the order they were started. */
  readonly sentinels: readonly RedisServer[]
  /** The server that is the primary now, as the first Sentinel sees it. */
  primary(): Promise<RedisServer>
  /** Has Sentinel make a replica the primary, though nothing is wrong; returns when it is. */
  failOver(): Promise<void>
  /** Ends all of them and removes their directories. */
  stop(): Promise<void>
}

const name = 'grantkit'

/** Starts them, and returns when every Sentinel knows all; `undefined` when no server is installed. */
export async function startRedisSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinel | undefined> {
  const { replicas = 1, sentinels: count = 1, downAfterMs = 1_000, config = [] } = options
  const program = await redisProgram()
  if (program === undefined) return undefined
  const servers: RedisServer[] = []
  const sentinels: RedisServer[] = []
  const stop = async () => void (await Promise.all([...sentinels, ...servers].map(server => server.stop())))
  const primary = async () => {
    const address = await sentinels[0]?.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)
    const port = Array.isArray(address) ? Number(address[1]) : undefined
    const found = servers.find(server => server.port === port)
    if (found === undefined) throw new Error('Sentinel knows of no primary')
    return found
  }
  try {
    for (let index = 0; index <= replicas; index++) {
      const server = await startRedisServer({ config })
      if (server === undefined) throw new Error('The program has gone')
      servers.push(server)
      if (index > 0) await server.replicaOf(servers[0])
    }
    const lines = sentinelConfig(servers[0]?.port, Math.floor(count / 2) + 1, downAfterMs)
    for (let index = 0; index < count; index++) sentinels.push(await launch(program, lines, true))
    await Promise.all(sentinels.map(sentinel => untilItKnows(sentinel, replicas, count - 1)))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    name,
    servers,
    sentinels,
    primary,
    async failOver() {
      const before = await primary()
      // refused until Sentinel knows enough of the replicas
      await eventually(
        'Sentinel agrees',
        async () => (await sentinels[0]?.command('SENTINEL', 'FAILOVER', name)) === 'OK',
      )
      await eventually('there is another primary', async () => (await primary()) !== before)
      await eventually(
        'it knows that it is',
        async () => (await (await primary()).info('replication')).role === 'master',
      )
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function sentinelConfig(port: number | undefined, quorum: number, downAfterMs: number): readonly string[] {
  return [
    `sentinel monitor ${name} 127.0.0.1 ${port} ${quorum}`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 10000`,
  ]
}

function untilItKnows(sentinel: RedisServer, replicas: number, others: number): Promise<void> {
  return eventually('Sentinel knows all', async () => {
    const known = await Promise.all(['REPLICAS', 'SENTINELS'].map(what => sentinel.command('SENTINEL', what, name)))
    return known.every((list, index) => Array.isArray(list) && list.length === [replicas, others][index])
  })
}
