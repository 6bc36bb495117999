/** node-redis 5 and 6, by shape: `createClient()`, `createCluster()`, `createSentinel()`. */
import type { Connection, Subscription } from './connection.js'

/** A client made by node-redis (npm `redis`) 5 or 6: `createClient()`, `createCluster()` or `createSentinel()`. */
export interface NodeRedisClient {
  /** Whether it was connected; another one is refused. */
  readonly isOpen: boolean
  /** Runs a script. */
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  /** Gathers commands for one connection. */
  multi(): unknown
  /** Closes a connection of ours, one that listens. */
  destroy(): unknown
}

interface Subscriber extends NodeRedisClient {
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  unsubscribe(channel: string, listener: (message: string) => void): Promise<unknown>
}

/** One that another can be made of; not a Sentinel client of 5. */
interface Duplicable extends Subscriber {
  /** A cluster of 5 does not say. */
  readonly isReady?: boolean
  duplicate(options: object): Duplicable
  connect(): Promise<unknown>
  on(event: 'ready' | 'error', listener: () => void): unknown
}

interface Multi {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Multi
  wait(replicas: number, timeoutMs: number): Multi
  execAsPipeline(): Promise<[unknown, unknown]>
}

/** Whether this is one of node-redis 5 or 6; 4 has no `destroy()`. */
export function isNodeRedis(client: object): client is NodeRedisClient {
  return (
    'isOpen' in client &&
    ['eval', 'multi', 'subscribe', 'unsubscribe', 'destroy'].every(name => isFunction(client, name)) &&
    (isFunction(client, 'duplicate') || isSentinel(client))
  )
}

export function nodeRedisConnection(client: NodeRedisClient): Connection {
  return {
    run: ({ text, key, args }) => client.eval(text, { keys: [key], arguments: [...args] }),
    runAndWait: ({ text, key, args }, { count, timeoutMs }) =>
      (client.multi() as Multi)
        .eval(text, { keys: [key], arguments: [...args] })
        .wait(count, timeoutMs)
        // what is left of a pipeline when its connection breaks is not sent on the next
        .execAsPipeline(),
    subscribe: (channel, listener) =>
      isSentinel(client)
        ? subscribeThrough(client as Subscriber, channel, listener)
        : subscribeBeside(client as Duplicable, channel, listener),
  }
}

/** node-redis opens a connection of its own for the subscriptions of a Sentinel client, which 5 cannot duplicate. */
function subscribeThrough(client: Subscriber, channel: string, listener: (message: string) => void): Subscription {
  const subscribed = client.subscribe(channel, listener).then(() => {})
  return {
    subscribed,
    close: () => void subscribed.then(() => client.unsubscribe(channel, listener)).catch(ignore),
  }
}

function subscribeBeside(client: Duplicable, channel: string, listener: (message: string) => void): Subscription {
  // a cluster's subscriber needs no connection to each of its nodes, and a user who wants commands to fail at once
  // does not mean those it subscribes again with
  const subscriber = client.duplicate({ minimizeConnections: true, disableOfflineQueue: false })
  let connected = false
  let closed = false
  const destroy = () => quietly(() => subscriber.destroy())
  const subscribe = async () => {
    await subscriber.connect().finally(() => {
      connected = true
    })
    if (closed) return destroy()
    await subscriber.subscribe(channel, listener)
  }
  // of a client that is destroyed while it connects, 5 leaves the connection open: one that does is left to come through
  // or to fail first
  for (const event of ['ready', 'error'] as const) subscriber.on(event, () => closed && destroy())
  return {
    subscribed: subscribe(),
    close() {
      closed = true
      if (connected && subscriber.isReady !== false) destroy()
    },
  }
}

function isSentinel(client: object): boolean {
  return isFunction(client, 'getMasterNode')
}

function isFunction(client: object, name: string): boolean {
  return typeof (client as Record<string, unknown>)[name] === 'function'
}

/** A client that is not open cannot be destroyed, and says so. */
function quietly(close: () => unknown): void {
  try {
    Promise.resolve(close()).catch(ignore)
  } catch {
    // as above
  }
}

function ignore(): void {}
