/** A server for the tests of a file, and what each test opens on it, which is closed after the test. */
import { type PostgresServer, startPostgresServer } from '@grantkit/testing'
import { Pool, type PoolConfig } from 'pg'
import { afterAll, beforeAll, type TestContext } from 'vitest'
import { migrate, type PostgresStoreOptions, postgresStore } from '../src/index.js'

export interface Scene {
  readonly server: PostgresServer
  /** A pool of the superuser's, unless it is said otherwise. */
  openPool(options?: PoolConfig): Pool
  openStore(options?: PostgresStoreOptions & { readonly pool?: Pool }): ReturnType<typeof postgresStore>
  /** Makes a table no other test has. */
  freshTable(): Promise<string>
}

/** Call it once in a file, and what it returns in each test. */
export function serverForTests(): (context: TestContext) => Scene {
  let server: PostgresServer | undefined
  let tables = 0
  beforeAll(async () => {
    server = await startPostgresServer()
  })
  afterAll(() => server?.stop())

  return context => {
    if (server === undefined) return context.skip('needs postgresql')
    const { url } = server
    const openPool = (options: PoolConfig = {}) => {
      const pool = new Pool({ connectionString: url, ...options })
      pool.on('error', () => {})
      context.onTestFinished(() => pool.end())
      return pool
    }
    return {
      server,
      openPool,
      openStore({ pool = openPool(), ...options } = {}) {
        const store = postgresStore(pool, options)
        context.onTestFinished(() => store.close?.())
        return store
      },
      async freshTable() {
        const table = `tokens_${++tables}`
        await migrate(openPool(), { table })
        return table
      },
    }
  }
}

/** A record with a version of its own. */
export function recordOf(value: string, keepForMs?: number) {
  return { version: crypto.randomUUID() as string, value, keepForMs }
}
