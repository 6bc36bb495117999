/** The tables of a store and everything else that is named after them. */
import { checkText, optionError } from '@grantkit/core/kit'

/** Names, quoted for SQL. */
export interface Table {
  /** As the user says it. */
  readonly name: string
  readonly records: string
  readonly leases: string
  /** The index by which records are found that have expired. */
  readonly index: string
  /** Where writes and deletions are told, not quoted: one of whichever schema, since an unqualified name may mean any. */
  readonly channel: string
}

export const defaultTable = 'grantkit_tokens'

/** PostgreSQL cuts names at 63 bytes, and the longest suffix has 8. */
const partOfName = /^[A-Za-z_][A-Za-z0-9_]{0,54}$/

/** @throws {TypeError} for anything but a name, or a schema's name, a dot and a name */
export function parseTable(name: string): Table {
  checkText('table', name)
  const parts = name.split('.')
  if (parts.length > 2 || !parts.every(part => partOfName.test(part)))
    throw optionError(
      'table',
      "must be a name, or a schema's and a name as in app.grantkit_tokens, each of at most 55 letters, digits and _",
    )
  const last = parts.at(-1)
  const quoted = (suffix: string) => `${parts.map(part => `"${part}`).join('".')}${suffix}"`
  return {
    name,
    records: quoted(''),
    leases: quoted('_leases'),
    index: `"${last}_expires"`,
    channel: `${last}_changes`,
  }
}
