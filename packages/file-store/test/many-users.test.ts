import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { sealedStore, type TokenStore } from '@grantkit/core'
import { importAtOnce } from '@grantkit/testing'
import { expect, test } from 'vitest'
import { fileStore } from '../src/index.js'
import { temporaryDirectory } from './temporary-directory.js'

const parent = temporaryDirectory()

test('10,000 users are imported in one loop', async () => {
  const directory = join(parent(), 'many')
  expect(await importAtOnce(10_000, sealed(fileStore({ directory })))).toEqual({})
  expect(readdirSync(join(directory, 'records'))).toHaveLength(10_000)
}, 240_000)

function sealed(store: TokenStore): TokenStore {
  return sealedStore(store, { keys: [{ id: 'one', key: randomBytes(32) }] })
}
