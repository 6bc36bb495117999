/** What is asked of the user's pool, and what its errors mean. */
import { optionError } from '@grantkit/core/kit'

/** What a `Pool` of `pg` is, as far as it is needed here. */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
  /** Checks out a connection, for a store that listens. */
  connect(use: (error: Error | undefined, client: PostgresClient | undefined) => void): void
  readonly options?: { readonly max?: number | undefined } | undefined
}

/** A connection that was checked out of the pool. */
export interface PostgresClient {
  query(text: string): Promise<unknown>
  on(event: 'error' | 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: PostgresNotification) => void): unknown
  /** With `true` it is closed, and not used again. */
  release(destroy: boolean): void
  unref?(): void
}

export interface PostgresNotification {
  readonly channel: string
  readonly payload?: string | undefined
}

/** Refuses what is no pool, a single client too: it has the same methods, and its `connect()` gives no other connection. */
export function checkPool(pool: PostgresPool): void {
  const isPool = typeof pool?.query === 'function' && typeof pool.connect === 'function'
  if (!isPool || 'connectionParameters' in pool)
    throw optionError('pool', 'must be a Pool of pg, as in new Pool({ connectionString })')
}

const serializationFailure = '40001'
const undefinedTable = '42P01'

/**
 * Runs a statement that is a transaction of its own; what it returned.
 *
 * Where transactions are repeatable or serializable by default, one of two that meet is rolled back with the request to
 * try again. The other has ended by then, so that waiting would not help.
 */
export async function run(pool: PostgresPool, table: string, text: string, values: unknown[]): Promise<unknown[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { rows } = await pool.query(text, values)
      return rows
    } catch (error) {
      const { code } = Object(error) as { code?: unknown }
      if (code === undefinedTable) throw missing(table, error)
      if (code !== serializationFailure || attempt === 20) throw error
    }
  }
}

function missing(table: string, cause: unknown): Error {
  const remedy = "run migrate(pool) or the SQL of migrationSql(), with the store's table, and check the search_path"
  return new Error(`there is no table ${table}: ${remedy}`, { cause })
}
