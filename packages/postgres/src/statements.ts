/**
 * What the store says to PostgreSQL: each operation is one statement, and one transaction.
 *
 * Under READ COMMITTED a statement that meets a row another transaction is changing waits for it, and judges its `WHERE`
 * again by the row as it is then; an INSERT that loses a race goes on to its `DO UPDATE`. The clock is
 * `clock_timestamp()`, which goes on while a statement waits; `now()` does not.
 */
import type { Table } from './table.js'

export interface Statements {
  /** `key` */
  readonly get: string
  /** `key, version, value, keepForMs, channel, payload`: a row when it is kept now. */
  readonly create: string
  /** The same and `expected`. */
  readonly replace: string
  /** `key, version, channel, payload`: a row when it was deleted. */
  readonly delete: string
  /** `key, holder, durationMs`: a row when the holder has it now. */
  readonly lease: string
  /** `key, holder` */
  readonly release: string
  /** Delete a few rows that have expired, passing over those that are in use. */
  readonly sweeps: readonly string[]
}

/** A row that has expired counts as none. A write asked again finds its version, and leaves value and time as they are. */
export function statements({ records, leases }: Table): Statements {
  return {
    get: `SELECT version, value FROM ${records} WHERE key = $1 AND expires_at > clock_timestamp()`,
    create: told(`INSERT INTO ${records} AS kept (key, version, value, expires_at) VALUES ($1, $2, $3, ${after('$4')})
      ON CONFLICT (key) DO UPDATE SET
        version = excluded.version,
        value = CASE WHEN kept.expires_at > clock_timestamp() THEN kept.value ELSE excluded.value END,
        expires_at = CASE WHEN kept.expires_at > clock_timestamp() THEN kept.expires_at ELSE excluded.expires_at END
      WHERE kept.version = excluded.version OR kept.expires_at <= clock_timestamp()`),
    replace: told(
      `UPDATE ${records} SET
        version = $2,
        value = CASE WHEN version = $2 THEN value ELSE $3 END,
        expires_at = CASE WHEN version = $2 THEN expires_at ELSE ${after('$4')} END
      WHERE key = $1 AND version IN ($2, $7) AND expires_at > clock_timestamp()`,
    ),
    delete: told(`DELETE FROM ${records} WHERE key = $1 AND version = $2 AND expires_at > clock_timestamp()`, '$3, $4'),
    lease: `INSERT INTO ${leases} AS kept (key, holder, expires_at) VALUES ($1, $2, ${after('$3')})
      ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, expires_at = ${after('$3')}
      WHERE kept.holder = excluded.holder OR kept.expires_at <= clock_timestamp()
      RETURNING key`,
    release: `DELETE FROM ${leases} WHERE key = $1 AND holder = $2`,
    sweeps: [sweep(records), sweep(leases)],
  }
}

/** Sends the notification in the write's own transaction: nobody hears of what was not committed. */
function told(write: string, channelAndPayload = '$5, $6'): string {
  return `WITH written AS (${write} RETURNING key) SELECT pg_notify(${channelAndPayload}) FROM written`
}

/** So many milliseconds from now. */
function after(milliseconds: string): string {
  return `clock_timestamp() + ${milliseconds}::float8 * interval '1 millisecond'`
}

/** By `now()`, since an index is of no use for `clock_timestamp()`. The array is made once, whatever the plan. */
function sweep(table: string): string {
  return `DELETE FROM ${table} WHERE expires_at <= now() AND key = ANY (ARRAY(
    SELECT key FROM ${table} WHERE expires_at <= now() ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED))`
}
