import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { migrate, migrationSql } from '../src/index.js'
import { recordOf, serverForTests } from './scene.js'

const scene = serverForTests()

describe('migrate', () => {
  test('makes the tables once, however often and from however many processes at once it is called', async context => {
    const { openPool, openStore } = scene(context)
    const pools = Array.from({ length: 8 }, () => openPool({ max: 2 }))
    for (let round = 0; round < 10; round++) {
      const table = `round_${round}`
      await Promise.all([...pools, ...pools].map(pool => migrate(pool, { table })))
      const store = openStore({ table, listen: false })
      const record = recordOf('value')
      expect(await store.compareAndSet('key', undefined, record)).toBe(true)
      await migrate(openPool(), { table })
      expect(await store.get('key')).toEqual({ version: record.version, value: 'value' })
    }
  })

  test.for(['repeatable\\ read', 'serializable'])('does so where transactions are %s', async (isolation, context) => {
    const { openPool } = scene(context)
    const table = `in_${isolation.replace(/\W/g, '_')}`
    const options = { max: 1, options: `-c default_transaction_isolation=${isolation}` }
    await Promise.all(Array.from({ length: 8 }, () => migrate(openPool(options), { table })))
  })

  test('makes nothing when it cannot make everything', async context => {
    const { openPool } = scene(context)
    const pool = openPool()
    await pool.query('CREATE TYPE half_leases AS ENUM ()')
    await expect(migrate(pool, { table: 'half' })).rejects.toThrow('half_leases')
    await expect(pool.query('SELECT FROM half')).rejects.toThrow('does not exist')
  })

  test('says what is wrong with its options', async () => {
    await expect(migrate(undefined as never)).rejects.toThrow('pool: must be a Pool of pg')
    expect(() => migrationSql({ table: 'a"b' })).toThrow('table: must be a name')
    expect(() => migrationSql({ name: 'a' } as never)).toThrow('name: is not an option of migrationSql()')
  })
})

describe('migrationSql', () => {
  test('runs in a transaction of a migration tool, and twice', async context => {
    const { openPool, openStore } = scene(context)
    const client = await openPool().connect()
    for (const sql of ['BEGIN', migrationSql({ table: 'by_tool' }), migrationSql({ table: 'by_tool' }), 'COMMIT'])
      await client.query(sql)
    client.release()
    const store = openStore({ table: 'by_tool' })
    expect(await store.compareAndSet('key', undefined, recordOf('value'))).toBe(true)
    expect(await store.lease('key', 'holder', 1_000)).toBe(true)
  })

  test('is what the README prints', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    expect(readme).toContain(migrationSql())
  })
})
