/** Where the app is found: at its own port, so that a tab of yesterday comes back, or else at another. */
import { once } from 'node:events'
import type { Server } from 'node:http'

/** Neither in use by the tools one has open beside it, nor among those that systems give out for a while. */
export const defaultPort = 4780

/**
 * Listens on a port of 127.0.0.1, or on a free one when that cannot be had.
 *
 * @returns why it is another, if it is
 */
export async function listen(server: Server, port: number): Promise<string | undefined> {
  try {
    await listenOn(server, port)
    return undefined
  } catch (error) {
    const reason = reasons[String((error as NodeJS.ErrnoException).code)]
    if (reason === undefined) throw error
    await listenOn(server, 0)
    return `port ${port} ${reason}`
  }
}

const reasons: Record<string, string> = { EADDRINUSE: 'is taken', EACCES: 'is not for everybody' }

async function listenOn(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}

/** @returns `undefined` for what is no port */
export function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  return port <= 65_535 ? port : undefined
}
