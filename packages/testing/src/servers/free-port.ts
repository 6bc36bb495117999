/** Ports for programs that take none by themselves. */
import { createServer } from 'node:net'

/**
 * A port of 127.0.0.1 that nobody listens on, below those that systems give to connections: none takes it before the
 * program that it is for.
 *
 * @param isFit what else it has to be
 */
export async function freePort(isFit: (port: number) => Promise<boolean> = async () => true): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000)
    if ((await isFree(port)) && (await isFit(port))) return port
  }
}

/** Whether nobody listens on a port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
