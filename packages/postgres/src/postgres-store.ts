/** The store: one statement for each operation, and a connection that listens while somebody watches. */
import type { TokenStore } from '@grantkit/core'
import { checkNumber, checkOptions, optionError } from '@grantkit/core/kit'
import { changesOn, payloadOf } from './changes.js'
import { checkPool, type PostgresPool, run } from './pool.js'
import { statements } from './statements.js'
import { defaultTable, parseTable } from './table.js'

/** Where the records are, who keeps them secret, and how changes are told. */
export interface PostgresStoreOptions {
  /** The table of the records, with or without a schema; that of the leases has `_leases` added. Default `grantkit_tokens`. */
  readonly table?: string | undefined
  /**
   * `'elsewhere'` when the database, its backups and its log keep tokens secret already. Otherwise the store must be
   * wrapped in `sealedStore()`.
   */
  readonly secrecy?: 'elsewhere' | undefined
  /**
   * `false` does without a connection that listens, as is needed behind pgbouncer in its transaction mode: the changes of
   * others are then found by asking. They are told of all the same, to stores that do listen. Default `true`.
   */
  readonly listen?: boolean | undefined
  /**
   * Called when the connection that listens hears nothing, behind pgbouncer in its transaction mode for instance: the store
   * goes on as with `listen: false`. Default: `process.emitWarning()`.
   */
  readonly onWarning?: ((warning: Error) => void) | undefined
  /** How long an operation may take before it counts as failed, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined
}

/** Of a pool that does not say. */
const defaultPoolSize = 10

/**
 * Keeps token records in a table of PostgreSQL, and leases in another; `migrate()` makes them.
 *
 * @param pool a `Pool` of `pg`, which stays the user's: it is not ended, and its `error` event is not listened for
 * @throws {TypeError} naming the option
 */
export function postgresStore(pool: PostgresPool, options: PostgresStoreOptions = {}): TokenStore {
  checkPool(pool)
  checkOptions('postgresStore', options, ['table', 'secrecy', 'listen', 'onWarning', 'timeoutMs'])
  const { timeoutMs } = options
  if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, 1)
  const table = parseTable(options.table ?? defaultTable)
  checkSecrecy(options.secrecy)
  const listens = checkListen(options.listen ?? true, pool)
  const sql = statements(table)
  const query = (text: string, ...values: unknown[]) => run(pool, table.name, text, values)
  const sweepNowAndThen = sweeper(() => sql.sweeps.map(text => query(text)))
  const { onWarning = warn } = options
  if (typeof onWarning !== 'function') throw optionError('onWarning', 'must be a function')
  const changes = changesOn(pool, table.channel, () => onWarning(deafness()))

  return {
    secrecy: options.secrecy,
    // one for each connection; the one that listens answers nothing else
    limits: { timeoutMs, atOnce: Math.max((pool.options?.max ?? defaultPoolSize) - (listens ? 1 : 0), 1) },
    async get(key) {
      const [row] = await query(sql.get, key)
      return row as { version: string; value: string } | undefined
    },
    async compareAndSet(key, expected, { version, value, keepForMs }) {
      const forMs = Math.min(keepForMs ?? forEver, forEver)
      const values = [key, version, value, forMs, table.channel, payloadOf(key, version)]
      const rows = expected === undefined ? query(sql.create, ...values) : query(sql.replace, ...values, expected)
      const kept = (await rows).length > 0
      sweepNowAndThen()
      return kept
    },
    async delete(key, version) {
      return (await query(sql.delete, key, version, table.channel, payloadOf(key))).length > 0
    },
    async lease(key, holder, durationMs) {
      return (await query(sql.lease, key, holder, durationMs)).length > 0
    },
    async release(key, holder) {
      await query(sql.release, key, holder)
    },
    ...(listens && { watch: changes.watch }),
    async close() {
      changes.close()
    },
  }
}

function deafness(): Error {
  const problem = 'LISTEN succeeded and hears nothing, as behind pgbouncer in transaction mode'
  const message = `${problem}: changes of other processes are found by asking. Pass listen: false, or a pool past the pooler`
  return Object.assign(new Error(message), { name: 'GrantKitWarning', code: 'GRANTKIT_POSTGRES_LISTEN' })
}

function warn(warning: Error): void {
  process.emitWarning(warning)
}

/** 3,000 years, in milliseconds: a time the server may well say, but one that PostgreSQL can reckon with. */
const forEver = 1e14

function checkSecrecy(secrecy: unknown): void {
  if (secrecy !== undefined && secrecy !== 'elsewhere')
    throw optionError('secrecy', "must be 'elsewhere' or left out; in the latter case wrap the store in sealedStore()")
}

function checkListen(listen: unknown, pool: PostgresPool): boolean {
  if (typeof listen !== 'boolean') throw optionError('listen', 'must be true or false')
  if (listen && pool.options?.max === 1)
    throw optionError(
      'pool',
      'has max: 1, and the connection that listens would be that one: allow more, or listen: false',
    )
  return listen
}

const writesBetweenSweeps = 50

/** Sweeps at the first write and at every 50th from there, twice as many rows as were written since. No timer. */
function sweeper(sweep: () => Promise<unknown>[]): () => void {
  let writes = 0
  // Nobody waits for it. If it fails, the next one does its work.
  return () => {
    if (writes++ % writesBetweenSweeps === 0) void Promise.allSettled(sweep())
  }
}
