/** The stores the processes share: a server started for them, and how a worker reaches it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WaitForReplicas } from '@grantkit/redis'
import { type PostgresServer, type RedisServer, startPostgresServer, startRedisServer } from '@grantkit/testing'

/** How a worker reaches the store. */
export type StoreAddress =
  | RedisAddress
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'file'; readonly directory: string }

export interface RedisAddress {
  readonly kind: 'redis'
  readonly url: string
  readonly waitForReplicas?: WaitForReplicas | undefined
}

export type StoreKind = StoreAddress['kind']

/** A running one. */
export interface Backend extends AsyncDisposable {
  readonly address: StoreAddress
  /** The server, where there is one: it can be killed and started again. */
  readonly server: RedisServer | PostgresServer | undefined
}

/** @returns `undefined` when the program is not installed */
export async function startBackend(kind: StoreKind): Promise<Backend | undefined> {
  if (kind === 'file') return inFiles()
  const server =
    kind === 'redis' ? await startRedisServer() : await startPostgresServer({ settings: { max_connections: '200' } })
  if (server === undefined) return undefined
  return { address: { kind, url: server.url }, server, [Symbol.asyncDispose]: server.stop }
}

async function inFiles(): Promise<Backend> {
  const directory = await mkdtemp(join(tmpdir(), 'grantkit-stress-'))
  return {
    address: { kind: 'file', directory },
    server: undefined,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  }
}
