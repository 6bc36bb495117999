import { type PostgresServer, startPostgresServer, tokenStoreContract } from '@grantkit/testing'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { migrate, postgresStore } from '../src/index.js'

let server: PostgresServer | undefined
const pools: Pool[] = []

beforeAll(async () => {
  server = await startPostgresServer()
  if (server === undefined) return
  const pool = new Pool({ connectionString: server.url })
  pools.push(pool)
  await migrate(pool)
})

afterAll(async () => {
  await Promise.all(pools.map(pool => pool.end()))
  await server?.stop()
})

/** As many pools as there are processes: two. */
function twoPools(isolation: string): () => Pool {
  const opened: Pool[] = []
  let turn = 0
  return () => {
    const pool = opened[turn] ?? new Pool({ connectionString: server?.url, options: `-c ${isolation}` })
    if (opened[turn] === undefined) pools.push(pool)
    opened[turn] = pool
    turn = 1 - turn
    return pool
  }
}

const cases = (isolation: string, listen = true) => {
  const pool = twoPools(`default_transaction_isolation=${isolation}`)
  return tokenStoreContract({ create: () => postgresStore(pool(), { listen }), watches: listen })
}

describe('postgresStore', () => {
  for (const { name, run } of cases('read\\ committed'))
    test(name, async context => {
      context.skip(server === undefined, 'needs postgresql')
      await run()
    })
})

describe.each(['repeatable\\ read', 'serializable'])('postgresStore where transactions are %s', isolation => {
  const contended = cases(isolation, false).filter(({ name }) => /one of 50|both at once|increments/.test(name))
  for (const { name, run } of contended)
    test(name, async context => {
      context.skip(server === undefined, 'needs postgresql')
      await run()
    })
})
