/** ioredis 5 and 6, by shape: `Redis`, in Sentinel mode too, and `Cluster`. */
import type { Connection, Script, Subscription } from './connection.js'
import type { WaitForReplicas } from './replicas.js'

/** A client made by ioredis 5 or 6: `new Redis()`, in Sentinel mode too, or `new Cluster()`. */
export interface IoRedisClient {
  /** How the connection is; `end` is refused. */
  readonly status: string
  /** Runs a script. */
  eval(script: string, numberOfKeys: number, ...keysAndArgs: string[]): Promise<unknown>
  /** Gathers commands for one connection. */
  pipeline(): unknown
  /** Another connection, for a store that listens. */
  duplicate(): unknown
  /** Closes that one. */
  disconnect(): void
}

interface Pipeline {
  eval(script: string, numberOfKeys: number, ...keysAndArgs: string[]): Pipeline
  wait(replicas: number, timeoutMs: number): Pipeline
  exec(): Promise<[error: Error | null, reply: unknown][]>
}

interface Subscriber {
  subscribe(channel: string): Promise<unknown>
  on(event: 'ready' | 'end' | 'error', listener: () => void): unknown
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  disconnect(): void
}

export function isIoRedis(client: object): client is IoRedisClient {
  const { status, eval: run, pipeline, duplicate, disconnect } = client as Partial<IoRedisClient>
  return typeof status === 'string' && [run, pipeline, duplicate, disconnect].every(it => typeof it === 'function')
}

export function ioRedisConnection(client: IoRedisClient): Connection {
  return {
    run: script => run(client, script),
    runAndWait: (script, wait) => runAndWait(client, script, wait),
    subscribe: (channel, listener) => subscribe(client, channel, listener),
  }
}

function run(client: IoRedisClient, { text, key, args }: Script): Promise<unknown> {
  return client.eval(text, 1, key, ...args)
}

/** A pipeline goes to one connection; when that breaks in the middle, what is left of it is not sent on the next. */
async function runAndWait(client: IoRedisClient, { text, key, args }: Script, { count, timeoutMs }: WaitForReplicas) {
  const pipeline = client.pipeline() as Pipeline
  const results = await pipeline
    .eval(text, 1, key, ...args)
    .wait(count, timeoutMs)
    .exec()
  const [reply, acknowledgements] = results.map(([error, value]) => {
    if (error) throw error
    return value
  })
  return [reply, acknowledgements] as const
}

function subscribe(client: IoRedisClient, channel: string, listener: (message: string) => void): Subscription {
  const subscriber = duplicate(client)
  const subscribed = new Promise<void>((resolve, reject) => {
    // on each connection anew. ioredis does this by itself too, but nobody hears its promise when it is rejected
    subscriber.on('ready', () => subscriber.subscribe(channel).then(() => resolve(), reject))
    subscriber.on('end', () => reject(new Error('The connection for subscribing was closed')))
  })
  subscriber.on('error', ignore)
  subscriber.on('message', (_channel, message) => listener(message))
  return { subscribed, close: () => subscriber.disconnect() }
}

/** Of a cluster the first argument is its nodes, none meaning the same ones. */
function duplicate(client: IoRedisClient & { readonly isCluster?: boolean }): Subscriber {
  const options = { autoResubscribe: false, lazyConnect: false }
  const duplicateOf = client.duplicate.bind(client) as (...args: unknown[]) => Subscriber
  return client.isCluster ? duplicateOf([], options) : duplicateOf(options)
}

function ignore(): void {}
