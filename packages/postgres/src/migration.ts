/** The tables, as SQL and as a function that makes them. */
import { checkOptions } from '@grantkit/core/kit'
import { checkPool, type PostgresPool } from './pool.js'
import { defaultTable, parseTable } from './table.js'

/** Which tables are made. */
export interface MigrationOptions {
  /** The store's table, with or without a schema, which must exist. Default `grantkit_tokens`. */
  readonly table?: string | undefined
}

/**
 * The SQL that makes the store's two tables where they are missing, for a migration tool. It changes nothing when it is run
 * again. Two that run it at once are the tool's to prevent: `IF NOT EXISTS` does not.
 *
 * @throws {TypeError} naming the option
 */
export function migrationSql(options: MigrationOptions = {}): string {
  checkOptions('migrationSql', options, ['table'])
  const { records, leases, index } = parseTable(options.table ?? defaultTable)
  return `CREATE TABLE IF NOT EXISTS ${records} (
  key text COLLATE "C" PRIMARY KEY,
  version text NOT NULL,
  value text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS ${index} ON ${records} (expires_at);
CREATE TABLE IF NOT EXISTS ${leases} (
  key text COLLATE "C" PRIMARY KEY,
  holder text NOT NULL,
  expires_at timestamptz NOT NULL
);
`
}

/**
 * Makes the store's two tables where they are missing. It may run at every start, in any number of processes at once: they
 * take turns, and the later ones find nothing to do.
 *
 * @param pool whose user may create tables
 * @throws {TypeError} naming the option; rejects with what PostgreSQL says, and then nothing was made
 */
export async function migrate(pool: PostgresPool, options: MigrationOptions = {}): Promise<void> {
  checkPool(pool)
  // Without values it goes as one message, which is one transaction, which is what the lock lasts for.
  await pool.query(`SELECT pg_advisory_xact_lock(${lock});\n${migrationSql(options)}`)
}

/** Any number nobody else uses: the letters `grantkit` as a 64-bit integer. */
const lock = '7454127460279085428'
