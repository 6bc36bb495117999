import { randomBytes } from 'node:crypto'
import { sealedStore, type TokenStore } from '@grantkit/core'
import { importAtOnce } from '@grantkit/testing'
import { expect, test } from 'vitest'
import { serverForTests } from './scene.js'

const scene = serverForTests()

test('10,000 users are imported in one loop', async context => {
  const { openPool, openStore, freshTable } = scene(context)
  const table = await freshTable()
  expect(await importAtOnce(10_000, sealed(openStore({ table })))).toEqual({})
  const { rows } = await openPool().query(`SELECT count(*)::int AS kept FROM ${table}`)
  expect(rows).toEqual([{ kept: 10_000 }])
}, 120_000)

function sealed(store: TokenStore): TokenStore {
  return sealedStore(store, { keys: [{ id: 'one', key: randomBytes(32) }] })
}
