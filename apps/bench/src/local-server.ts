/** A server in a process of its own, so that its work is not on the clock of the loop that is measured. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface LocalServer {
  readonly origin: string
  close(): void
}

/** Starts the server of `answer.ts` on a free port of the loopback interface. */
export async function startLocalServer(): Promise<LocalServer> {
  const child = fork(fileURLToPath(import.meta.resolve('./answer.js')), { execArgv: [] })
  const [port] = await once(child, 'message')
  return { origin: `http://127.0.0.1:${port}`, close: () => child.disconnect() }
}
