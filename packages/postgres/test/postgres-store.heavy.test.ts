import { inspect } from 'node:util'
import { Client } from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { migrate, type PostgresPool, postgresStore } from '../src/index.js'
import { recordOf, serverForTests } from './scene.js'

const scene = serverForTests()
const pool: PostgresPool = { query: async () => ({ rows: [] }), connect: () => {} }

describe('options', () => {
  test.each([
    ['pool', () => postgresStore(undefined as never)],
    ['pool', () => postgresStore({ query: pool.query } as never)],
    ['pool', () => postgresStore(new Client() as never)],
    ['pool', () => postgresStore({ ...pool, options: { max: 1 } })],
    ['table', () => postgresStore(pool, { table: '' })],
    ['table', () => postgresStore(pool, { table: 7 as never })],
    ['secrecy', () => postgresStore(pool, { secrecy: 'sealed' as never })],
    ['listen', () => postgresStore(pool, { listen: 'no' as never })],
    ['tabel', () => postgresStore(pool, { tabel: 'tokens' } as never)],
  ])('%s is named when it is wrong', (option, make) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(`${option}: `)
  })

  test.each([
    'tokens"; DROP TABLE users; --',
    'tokens" (key) VALUES (1)',
    'tokens;',
    'to kens',
    "tokens'",
    'tokens\0',
    'tokens\n',
    'a.b.c',
    '.tokens',
    'app.',
    'tökens',
    '1tokens',
    'x'.repeat(56),
  ])('table refuses %j', table => {
    expect(() => postgresStore(pool, { table })).toThrow('table: must be a name')
  })

  test('a pool of one connection will do when it is not listened on', () => {
    expect(postgresStore({ ...pool, options: { max: 1 } }, { listen: false }).watch).toBeUndefined()
  })

  test('the store says nothing of secrecy unless the user does', () => {
    expect(postgresStore(pool).secrecy).toBeUndefined()
    expect(postgresStore(pool, { secrecy: 'elsewhere' }).secrecy).toBe('elsewhere')
  })
})

describe('the table', () => {
  test('is asked for when it is missing, by every operation, and used once it is there', async context => {
    const { openPool, openStore } = scene(context)
    const store = openStore({ table: 'missing' })
    const operations = [
      () => store.get('key'),
      () => store.compareAndSet('key', undefined, recordOf('value')),
      () => store.compareAndSet('key', 'first', recordOf('value')),
      () => store.delete('key', 'first'),
      () => store.lease('key', 'holder', 1_000),
      () => store.release('key', 'holder'),
    ]
    for (const operation of operations)
      await expect(operation).rejects.toThrow('there is no table missing: run migrate(pool) or the SQL')
    await migrate(openPool(), { table: 'missing' })
    for (const operation of operations) await operation()
  })

  test('may be in a schema, and is the same without it by the search_path', async context => {
    const { openPool, openStore } = scene(context)
    await openPool().query('CREATE SCHEMA app')
    await migrate(openPool(), { table: 'app.consents' })
    const byName = openStore({ table: 'app.consents' })
    const byPath = openStore({ table: 'consents', pool: openPool({ options: '-c search_path=app' }) })
    const heard: string[] = []
    byName.watch?.(key => heard.push(key))
    await vi.waitFor(
      async () => {
        await byPath.compareAndSet(crypto.randomUUID(), undefined, recordOf('value'))
        expect(heard.length).toBeGreaterThan(0)
      },
      { timeout: 60_000 },
    )
    const record = recordOf('value')
    await byPath.compareAndSet('shared', undefined, record)
    expect(await byName.get('shared')).toEqual({ version: record.version, value: 'value' })
  })

  test('may have a name of the greatest length, in letters of either case, that is a word of SQL', async context => {
    const { openPool, openStore } = scene(context)
    for (const table of ['x'.repeat(55), 'Tokens', 'user', 'Select']) {
      await migrate(openPool(), { table })
      const store = openStore({ table })
      expect(await store.compareAndSet('key', undefined, recordOf('value'))).toBe(true)
      expect(await store.lease('key', 'holder', 1_000)).toBe(true)
    }
  })

  test('can be used by a role that has the privileges of the README and no other', async context => {
    const { openPool, openStore, server } = scene(context)
    const admin = openPool()
    await admin.query('CREATE SCHEMA private; CREATE ROLE app LOGIN')
    await migrate(admin, { table: 'private.tokens' })
    await admin.query(
      'GRANT USAGE ON SCHEMA private TO app;' +
        'GRANT SELECT, INSERT, UPDATE, DELETE ON private.tokens, private.tokens_leases TO app',
    )
    const pool = openPool({ connectionString: server.url.replace('postgres@', 'app@') })
    const store = openStore({ table: 'private.tokens', pool })
    await admin.query(`INSERT INTO private.tokens VALUES ('expired', 'v', 'value', now() - interval '1 hour')`)
    const first = recordOf('first')
    const second = recordOf('second')
    const heard = vi.fn()
    store.watch?.(heard)
    expect(await store.compareAndSet('key', undefined, first)).toBe(true)
    expect(await store.compareAndSet('key', first.version, second)).toBe(true)
    expect(await store.lease('key', 'holder', 1_000)).toBe(true)
    await store.release('key', 'holder')
    expect(await store.delete('key', second.version)).toBe(true)
    await vi.waitFor(
      async () => {
        const { version } = recordOf('')
        await store.compareAndSet(version, undefined, { ...first, version })
        expect(heard).toHaveBeenCalled()
        expect((await admin.query(`SELECT FROM private.tokens WHERE key = 'expired'`)).rowCount).toBe(0)
      },
      { timeout: 60_000 },
    )
    await expect(migrate(pool, { table: 'private.more' })).rejects.toThrow('permission denied')
  })
})

describe('records', () => {
  test('are kept for a time no timestamp can hold', async context => {
    const { openStore, freshTable } = scene(context)
    const store = openStore({ table: await freshTable() })
    for (const keepForMs of [Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      const record = recordOf('value', keepForMs)
      expect(await store.compareAndSet(record.version, undefined, record)).toBe(true)
      expect(await store.get(record.version)).toEqual({ version: record.version, value: 'value' })
    }
  })

  test('written again after a lost answer keep the value and the end they had', async context => {
    const { openPool, openStore, freshTable } = scene(context)
    const table = await freshTable()
    const pool = openPool()
    const store = openStore({ table, pool })
    const kept = async () => (await pool.query(`SELECT value, expires_at::text FROM ${table} WHERE key = 'key'`)).rows
    const first = recordOf('first', 60_000)
    const second = recordOf('second', 60_000)
    for (const [expected, record] of [
      [undefined, first],
      [first.version, second],
    ] as const) {
      expect(await store.compareAndSet('key', expected, record)).toBe(true)
      const before = await kept()
      const again = { ...record, value: 'sealed anew', keepForMs: undefined }
      expect(await store.compareAndSet('key', expected, again)).toBe(true)
      expect(await kept()).toEqual(before)
    }
  })

  test('that have expired are deleted as others are written, 100 at a time', async context => {
    const { openPool, openStore, freshTable } = scene(context)
    const table = await freshTable()
    const pool = openPool()
    await pool.query(
      `INSERT INTO ${table} SELECT n, 'v', 'value', now() - interval '1 hour' FROM generate_series(1, 250) n`,
    )
    await pool.query(
      `INSERT INTO ${table}_leases SELECT n, 'h', now() - interval '1 hour' FROM generate_series(1, 3) n`,
    )
    await pool.query(`INSERT INTO ${table} VALUES ('lasting', 'v', 'value', now() + interval '1 hour')`)
    const store = openStore({ table, pool })
    const left = async () => {
      const expired = 'WHERE expires_at <= now()'
      const { rows } = await pool.query(
        `SELECT (SELECT count(*)::int FROM ${table} ${expired}) AS records,
          (SELECT count(*)::int FROM ${table}_leases ${expired}) AS leases`,
      )
      return rows[0]
    }
    await store.compareAndSet('first', undefined, recordOf('value'))
    await vi.waitFor(async () => expect(await left()).toEqual({ records: 150, leases: 0 }), { timeout: 60_000 })
    for (let written = 0; written < 100; written++)
      await store.compareAndSet(`key-${written}`, undefined, recordOf('value'))
    await vi.waitFor(async () => expect(await left()).toMatchObject({ records: 0 }), { timeout: 60_000 })
    expect(await store.get('lasting')).toEqual({ version: 'v', value: 'value' })
  })

  test('that have expired and are in use are passed over', async context => {
    const { openPool, openStore, freshTable } = scene(context)
    const table = await freshTable()
    const pool = openPool()
    await pool.query(
      `INSERT INTO ${table} SELECT n, 'v', 'value', now() - interval '1 hour' FROM generate_series(1, 3) n`,
    )
    const other = await pool.connect()
    await other.query(`BEGIN; SELECT FROM ${table} WHERE key = '1' FOR UPDATE`)
    await openStore({ table, pool }).compareAndSet('first', undefined, recordOf('value'))
    await vi.waitFor(async () => expect((await pool.query(`SELECT FROM ${table}`)).rowCount).toBe(2), {
      timeout: 60_000,
    })
    await other.query('ROLLBACK')
    other.release()
  })

  test('are shown in no error', async context => {
    const { openPool, openStore, freshTable } = scene(context)
    const table = await freshTable()
    const store = openStore({ table, pool: openPool({ options: '-c default_transaction_read_only=on' }) })
    const error = await store.compareAndSet('key', undefined, recordOf('a-secret')).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Error)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('a-secret')
  })
})

test('one of 40 in 8 processes takes a record over that has expired, again and again', async context => {
  const { openPool, openStore, freshTable } = scene(context)
  const table = await freshTable()
  const stores = Array.from({ length: 8 }, () => openStore({ table, pool: openPool({ max: 5 }), listen: false }))
  const admin = openPool()
  for (let round = 0; round < 20; round++) {
    const attempts = stores.flatMap(store =>
      Array.from({ length: 5 }, async () => {
        const record = recordOf('value')
        return (await store.compareAndSet('key', undefined, record)) ? record.version : undefined
      }),
    )
    const won = (await Promise.all(attempts)).filter(version => version !== undefined)
    expect(won).toHaveLength(1)
    expect((await stores[0]?.get('key'))?.version).toBe(won[0])
    await admin.query(`UPDATE ${table} SET expires_at = now() - interval '1 hour'`)
  }
})
