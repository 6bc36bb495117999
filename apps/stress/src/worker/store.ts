/** The store of a worker: on whatever backend, sealed as users should have it. */
import { sealedStore, type TokenStore } from '@grantkit/core'
import { fileStore } from '@grantkit/file-store'
import { migrate, postgresStore } from '@grantkit/postgres'
import { redisStore } from '@grantkit/redis'
import pg from 'pg'
import { createClient } from 'redis'
import type { StoreAddress } from '../backends.js'

export interface StoreOptions {
  readonly address: StoreAddress
  /** 32 bytes in base64. */
  readonly sealingKey: string
  /** Whether it tells of changes; without, they are found by asking. */
  readonly watches: boolean
}

export async function openStore({ address, sealingKey, watches }: StoreOptions): Promise<TokenStore> {
  const { watch, ...store } = sealedStore(await open(address), { keys: [{ id: 'stress', key: sealingKey }] })
  return watches && watch !== undefined ? { ...store, watch } : store
}

function open(address: StoreAddress): TokenStore | Promise<TokenStore> {
  if (address.kind === 'file') return fileStore({ directory: address.directory })
  return address.kind === 'redis' ? openRedis(address.url) : openPostgres(address.url)
}

async function openRedis(url: string): Promise<TokenStore> {
  const client = createClient({ url })
  // it connects again by itself; a client without a listener would end the process
  client.on('error', () => {})
  await client.connect()
  return redisStore(client)
}

async function openPostgres(connectionString: string): Promise<TokenStore> {
  const pool = new pg.Pool({ connectionString })
  pool.on('error', () => {})
  await migrate(pool)
  return postgresStore(pool)
}
