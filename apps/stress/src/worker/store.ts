/** The store of a worker: on whatever backend, sealed as users should have it. Only what is needed is loaded. */
import { sealedStore, type TokenStore } from '@grantkit/core'
import type { RedisAddress, StoreAddress } from '../backends.js'
import { tellOfLosses } from './losses.js'

export interface StoreOptions {
  readonly address: StoreAddress
  /** 32 bytes in base64. */
  readonly sealingKey: string
  /** Whether it tells of changes; without, they are found by asking. */
  readonly watches: boolean
}

export async function openStore({ address, sealingKey, watches }: StoreOptions): Promise<TokenStore> {
  const sealed = sealedStore(await open(address), { keys: [{ id: 'stress', key: sealingKey }] })
  const { watch, ...store } = tellOfLosses(sealed)
  return watches && watch !== undefined ? { ...store, watch } : store
}

function open(address: StoreAddress): Promise<TokenStore> {
  if (address.kind === 'file') return openFiles(address.directory)
  return address.kind === 'redis' ? openRedis(address) : openPostgres(address.url)
}

async function openFiles(directory: string): Promise<TokenStore> {
  const { fileStore } = await import('@grantkit/file-store')
  return fileStore({ directory })
}

async function openRedis({ url, waitForReplicas }: RedisAddress): Promise<TokenStore> {
  const { createClient } = await import('redis')
  const { redisStore } = await import('@grantkit/redis')
  const client = createClient({ url })
  // it connects again by itself; a client without a listener would end the process
  client.on('error', () => {})
  await client.connect()
  return redisStore(client, { waitForReplicas })
}

async function openPostgres(connectionString: string): Promise<TokenStore> {
  const { default: pg } = await import('pg')
  const { migrate, postgresStore } = await import('@grantkit/postgres')
  const pool = new pg.Pool({ connectionString })
  pool.on('error', () => {})
  await migrate(pool)
  return postgresStore(pool)
}
