/** The token store contract, run against a database in a file. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sealedStore, type TokenStore } from '@grantkit/core'
import { tokenStoreContract } from '@grantkit/testing'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type SqliteDatabase, sqliteStore } from '../src/index.js'

/** As much of `node:sqlite` as is used here: the types of Node 20 do not have it. */
interface Sqlite {
  readonly DatabaseSync: new (path: string) => OpenDatabase
}

interface OpenDatabase extends SqliteDatabase {
  close(): void
}

const sqlite = process.getBuiltinModule('node:sqlite') as Sqlite | undefined
const folder = mkdtempSync(join(tmpdir(), 'sqlite-store-'))
const path = join(folder, 'tokens.db')
afterAll(() => rmSync(folder, { recursive: true }))

if (sqlite === undefined) {
  test('keeps the contract', context => context.skip('Node 20 has no node:sqlite'))
} else {
  const { DatabaseSync } = sqlite
  const opened: OpenDatabase[] = []
  afterEach(() => {
    for (const database of opened.splice(0)) database.close()
  })

  /** Opens the file anew, as another process would. */
  const open = () => {
    const database = new DatabaseSync(path)
    database.exec('PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL')
    opened.push(database) // the test closes it
    return database
  }

  describe('sqliteStore', () => {
    const create = () => sqliteStore(open())

    for (const { name, run } of tokenStoreContract({ create, watches: false })) test(name, run)
  })

  describe('sqliteStore, sealed', () => {
    const key = randomBytes(32)
    const create = () => sealed(open())

    function sealed(database: SqliteDatabase): TokenStore {
      return sealedStore(sqliteStore(database), { keys: [{ id: '2025-06', key }] })
    }

    for (const { name, run } of tokenStoreContract({ create, watches: false })) test(name, run)

    test('leaves nothing to read in the database', async () => {
      const database = open()
      const store = sealed(database)
      await store.compareAndSet('key', undefined, { version: '1', value: 'a refresh token', keepForMs: undefined })
      const row = database.prepare("SELECT * FROM token_records WHERE key = 'key'").get()
      expect(JSON.stringify(row)).toContain('"version":"1"')
      expect(JSON.stringify(row)).not.toContain('a refresh token')
      expect(await store.get('key')).toEqual({ version: '1', value: 'a refresh token' })
    })
  })
}
