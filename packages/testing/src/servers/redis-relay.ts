/** A relay in front of a server, for cutting connections through it: those of clients, or of a replica to its primary. */
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'

/** A running relay. */
export interface RedisRelay extends AsyncDisposable {
  /** Where to connect instead of to the server. */
  readonly port: number
  /** Breaks all connections and takes no more, until `restore()`. */
  cut(): void
  /** Keeps the connections and takes more, and moves no byte, until `restore()`: as when packets are lost. */
  stall(): void
  /** Moves bytes again, and takes connections. */
  restore(): void
  /** Breaks all connections and takes no more for good. */
  stop(): Promise<void>
}

/** Opens a relay to a server at this port of 127.0.0.1, which is looked up for each connection: it may lead elsewhere later. */
export async function redisRelay(to: { readonly port: number }): Promise<RedisRelay> {
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'stalled' = 'open'
  const server = createServer(near => {
    if (state === 'cut') return near.destroy()
    join(near, createConnection({ host: '127.0.0.1', port: to.port }), sockets)
    if (state === 'stalled') pauseAll()
  })
  const pauseAll = () => {
    for (const socket of sockets) socket.pause()
  }
  const breakAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The relay has no port')

  const stop = async () => {
    const closed = once(server, 'close')
    server.close()
    breakAll()
    await closed
  }
  return {
    port: address.port,
    cut() {
      state = 'cut'
      breakAll()
    },
    stall() {
      state = 'stalled'
      pauseAll()
    },
    restore() {
      state = 'open'
      for (const socket of sockets) socket.resume()
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function join(near: Socket, far: Socket, sockets: Set<Socket>): void {
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    sockets.add(from)
    from.setNoDelay(true)
    from.on('data', chunk => to.write(chunk))
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
  }
}
