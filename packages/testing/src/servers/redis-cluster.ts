/** A Redis Cluster for tests. */
import { defaults, eventually, isReplica, launch, type RedisServer, redisProgram } from './redis-server.js'

const slots = 16_384

/** A replica that has been sent nothing yet is not listed, and a ping is something. */
const clusterDefaults = [...defaults, 'cluster-enabled yes', 'cluster-node-timeout 2000', 'repl-ping-replica-period 1']

/** How large the cluster is. */
export interface RedisClusterOptions {
  /** How many nodes hold keys. Default 3. */
  readonly primaries?: number | undefined
  /** How many replicas each of them has. Default none. */
  readonly replicasEach?: number | undefined
  /** Lines of each node's configuration file. */
  readonly config?: readonly string[] | undefined
}

/** A running cluster. */
export interface RedisCluster extends AsyncDisposable {
  /** In the order of their slots. */
  readonly primaries: readonly RedisServer[]
  /** Those of the first primary, then those of the second, and so on. */
  readonly replicas: readonly RedisServer[]
  /** Gives a slot without keys in it to another primary, as a resharding does at its end. */
  moveSlot(slot: number, to: RedisServer): Promise<void>
  /** Ends all nodes and removes their directories. */
  stop(): Promise<void>
}

/** Starts a cluster whose nodes all agree; `undefined` when no server is installed. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster | undefined> {
  const { primaries: count = 3, replicasEach = 0, config = [] } = options
  const program = await redisProgram()
  if (program === undefined) return undefined
  const lines = [...clusterDefaults, ...config]
  const nodes = await Promise.all(
    Array.from({ length: count * (1 + replicasEach) }, () => launch(program, lines, false)),
  )
  const primaries = nodes.slice(0, count)
  const replicas = nodes.slice(count)
  const stop = async () => void (await Promise.all(nodes.map(node => node.stop())))
  try {
    await join(primaries, nodes)
    await Promise.all(
      replicas.map((node, index) => replicate(node, primaries[Math.floor(index / replicasEach)] as RedisServer)),
    )
    await eventually('the nodes agree', async () =>
      (await Promise.all(nodes.map(knowsAll(nodes, primaries)))).every(Boolean),
    )
  } catch (error) {
    await stop()
    throw error
  }
  return {
    primaries,
    replicas,
    moveSlot: (slot, to) => moveSlot(slot, to, nodes),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function join(primaries: readonly RedisServer[], nodes: readonly RedisServer[]): Promise<void> {
  for (const [index, node] of nodes.entries()) await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  for (const [index, node] of primaries.entries()) {
    const from = Math.floor((index * slots) / primaries.length)
    const to = Math.floor(((index + 1) * slots) / primaries.length)
    await node.command(
      'CLUSTER',
      'ADDSLOTS',
      ...Array.from({ length: to - from }, (_, offset) => String(from + offset)),
    )
  }
  // each to each: waiting for them to hear of one another takes seconds
  for (const node of nodes)
    for (const other of nodes)
      if (node !== other) await node.command('CLUSTER', 'MEET', '127.0.0.1', String(other.port))
}

/** Asked until the replica has heard of its primary. */
async function replicate(replica: RedisServer, primary: RedisServer): Promise<void> {
  const id = String(await primary.command('CLUSTER', 'MYID'))
  await eventually('the replica follows', async () => (await replica.command('CLUSTER', 'REPLICATE', id)) === 'OK')
  await eventually('the replica has caught up', () => isReplica(replica.port, primary.port))
}

/** Whether a node knows every other, and which of them hold what. */
function knowsAll(nodes: readonly RedisServer[], primaries: readonly RedisServer[]) {
  return async (node: RedisServer): Promise<boolean> => {
    const info = String(await node.command('CLUSTER', 'INFO'))
    const known = ['cluster_state:ok', `cluster_known_nodes:${nodes.length}`, `cluster_size:${primaries.length}`]
    const listed = await node.command('CLUSTER', 'SLOTS')
    const replicasListed =
      Array.isArray(listed) && listed.every(range => range.length === 2 + nodes.length / primaries.length)
    return known.every(line => info.includes(`${line}\r\n`)) && replicasListed
  }
}

async function moveSlot(slot: number, to: RedisServer, nodes: readonly RedisServer[]): Promise<void> {
  const fromPort = await ownerOf(slot, to)
  const from = nodes.find(({ port }) => port === fromPort)
  if (from === undefined || from === to) return
  const set = async (node: RedisServer, state: string, of: RedisServer) =>
    node.command('CLUSTER', 'SETSLOT', String(slot), state, String(await of.command('CLUSTER', 'MYID')))
  await set(to, 'IMPORTING', from)
  await set(from, 'MIGRATING', to)
  for (const node of [to, from]) await set(node, 'NODE', to)
  await eventually('all nodes know of it', async () =>
    (await Promise.all(nodes.map(node => ownerOf(slot, node)))).every(port => port === to.port),
  )
}

/** The port of the primary that has a slot, as a node sees it. */
async function ownerOf(slot: number, node: RedisServer): Promise<unknown> {
  const ranges = (await node.command('CLUSTER', 'SLOTS')) as readonly [number, number, [string, number]][]
  return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1]
}
