/** The example of docs/add-a-store.md keeps the contract, and is what the document shows. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sealedStore, type TokenStore } from '@grantkit/core'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { tokenStoreContract } from '../src/index.js'
import { type SqliteDatabase, sqliteStore } from './sqlite-store.js'

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
  test('the example keeps the contract', context => context.skip('Node 20 has no node:sqlite'))
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

test('the document shows this code', () => {
  const read = (path: string) => unindented(readFileSync(new URL(path, import.meta.url), 'utf8'))
  const code = read('sqlite-store.ts') + read('sqlite-store.test.ts')
  const shown = [...read('../../../docs/add-a-store.md').matchAll(/^```ts\n([\s\S]+?)^```/gm)].map(([, block]) => block)
  expect(shown.length).toBeGreaterThan(2)
  for (const block of shown) expect(code).toContain(block)
})

test('the document names cases there are', () => {
  const document = readFileSync(new URL('../../../docs/add-a-store.md', import.meta.url), 'utf8')
  const table = document.slice(document.indexOf('| case | look for |')).split('\n\n')[0] ?? ''
  const named = [...table.matchAll(/^\| ([a-z][^|]+) \|/gm)].map(([, name = '']) => name).slice(1)
  const cases = tokenStoreContract({ create: () => sqliteStore(Object.create(null)) }).map(({ name }) => name)
  expect(named.length).toBeGreaterThan(5)
  for (const name of named) expect(cases.filter(one => one.startsWith(name))).not.toEqual([])
})

function unindented(text: string): string {
  return text.replace(/^ +/gm, '')
}
