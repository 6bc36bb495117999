/** What is asked of the user's pool, and what its errors mean. */
import { optionError } from '@grantkit/core/kit'

/** What a `Pool` of `pg` is, as far as it is needed here. */
export interface PostgresPool {
  /** Runs one statement on any connection. */
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
  /** Checks out a connection, for a store that listens. */
  connect(use: (error: Error | undefined, client: PostgresClient | undefined) => void): void
  /** What the pool was made with: `max` says how many connections it has at most. */
  readonly options?: { readonly max?: number | undefined } | undefined
}

/** A connection that was checked out of the pool. */
export interface PostgresClient {
  /** Runs one statement on this connection. */
  query(text: string): Promise<unknown>
  /** Calls `listener` when the connection breaks or ends. */
  on(event: 'error' | 'end', listener: () => void): unknown
  /** Calls `listener` with each notice of a channel that is listened to. */
  on(event: 'notification', listener: (message: PostgresNotification) => void): unknown
  /** With `true` it is closed, and not used again. */
  release(destroy: boolean): void
  /** Lets the process end while the connection is open. */
  unref?(): void
}

/** A notice of `NOTIFY`. */
export interface PostgresNotification {
  /** The channel it came on. */
  readonly channel: string
  /** Its text, if any. */
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
