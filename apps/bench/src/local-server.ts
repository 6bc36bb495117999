/** A server in a process of its own, so that its work is not on the clock of the loop that is measured. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface LocalServer {
  readonly origin: string
  close(): void
}

/**
 * Starts a server on a free port of the loopback interface.
 *
 * @param script what its process runs, as a URL
 */
export async function startLocalServer(script = import.meta.resolve('./answer.js')): Promise<LocalServer> {
  const child = fork(fileURLToPath(script), { execArgv: [] })
  const [port] = await once(child, 'message')
  return { origin: `http://127.0.0.1:${port}`, close: () => child.disconnect() }
}
