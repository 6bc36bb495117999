/** Token records in an SQLite database: for several processes on one machine. */
import type { TokenStore } from '@grantkit/core'
import type { StoredRecord } from '@grantkit/core/kit'

/** As much of a database as is used; those of `node:sqlite` and `better-sqlite3` have it. */
export interface SqliteDatabase {
  /** Runs statements whose answers nobody wants. */
  exec(sql: string): unknown
  /** Compiles one statement, to be run with values in place of its question marks. */
  prepare(sql: string): {
    get(...values: (string | number)[]): unknown
    run(...values: (string | number)[]): { readonly changes: number | bigint }
  }
}

const schema = `
  CREATE TABLE IF NOT EXISTS token_records
    (key TEXT PRIMARY KEY, version TEXT NOT NULL, value TEXT NOT NULL, until REAL NOT NULL);
  CREATE TABLE IF NOT EXISTS token_leases (key TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL);
  CREATE INDEX IF NOT EXISTS token_records_until ON token_records (until);
  CREATE INDEX IF NOT EXISTS token_leases_until ON token_leases (until)`

/** The database's clock, in milliseconds: there is one, however many processes ask. */
const now = `(unixepoch('now', 'subsec') * 1000)`
const thirtyThousandYearsMs = 1e15

/** The database stays the caller's: it is not closed. */
export function sqliteStore(database: SqliteDatabase): TokenStore {
  database.exec(schema)
  const select = database.prepare(`SELECT version, value FROM token_records WHERE key = ? AND until > ${now}`)
  const insert = database.prepare(`
    INSERT INTO token_records (key, version, value, until) VALUES (?, ?, ?, ${now} + ?)
    ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value, until = excluded.until
    WHERE token_records.until <= ${now}`)
  const update = database.prepare(`
    UPDATE token_records SET version = ?, value = ?, until = ${now} + ?
    WHERE key = ? AND version = ? AND until > ${now}`)
  const remove = database.prepare(`DELETE FROM token_records WHERE key = ? AND version = ? AND until > ${now}`)
  const lease = database.prepare(`
    INSERT INTO token_leases (key, holder, until) VALUES (?, ?, ${now} + ?)
    ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE token_leases.holder = excluded.holder OR token_leases.until <= ${now}`)
  const release = database.prepare('DELETE FROM token_leases WHERE key = ? AND holder = ?')
  const sweepRecords = database.prepare(`DELETE FROM token_records WHERE until <= ${now}`)
  const sweepLeases = database.prepare(`DELETE FROM token_leases WHERE until <= ${now}`)

  const find = (key: string) => select.get(key) as StoredRecord | undefined

  return {
    async get(key) {
      const row = find(key)
      return row && { version: row.version, value: row.value }
    },
    async compareAndSet(key, expected, { version, value, keepForMs = thirtyThousandYearsMs }) {
      const { changes } =
        expected === undefined
          ? insert.run(key, version, value, keepForMs)
          : update.run(version, value, keepForMs, key, expected)
      if (expected === undefined) sweepRecords.run()
      // none changed: refused, unless this very record was written before and the answer got lost
      return Number(changes) === 1 || find(key)?.version === version
    },
    async delete(key, version) {
      return Number(remove.run(key, version).changes) === 1
    },
    async lease(key, holder, durationMs) {
      const { changes } = lease.run(key, holder, durationMs)
      return Number(changes) === 1
    },
    async release(key, holder) {
      release.run(key, holder)
      sweepLeases.run()
    },
  }
}
