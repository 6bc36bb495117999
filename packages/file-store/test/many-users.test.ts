import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createClient, createUserTokenSources, defineProvider, sealedStore, type TokenStore } from '@grantkit/core'
import { expect, test } from 'vitest'
import { fileStore } from '../src/index.js'
import { temporaryDirectory } from './temporary-directory.js'

const parent = temporaryDirectory()

test('10,000 users are imported in one loop', async () => {
  const directory = join(parent(), 'many')
  expect(await importAtOnce(10_000, sealed(fileStore({ directory })))).toEqual({})
  expect(readdirSync(join(directory, 'records'))).toHaveLength(10_000)
}, 240_000)

/** A client that never sends anything. */
function users(store: TokenStore) {
  const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
  const transport = () => Promise.reject(new Error('nothing is to be sent'))
  const provider = defineProvider({ name: 'example', metadata })
  return createUserTokenSources({ client: createClient({ provider, clientId: 'app', transport }), store })
}

function sealed(store: TokenStore): TokenStore {
  return sealedStore(store, { keys: [{ id: 'one', key: randomBytes(32) }] })
}

/** What went wrong while so many users were imported at once, by its message. */
async function importAtOnce(count: number, store: TokenStore): Promise<Record<string, number>> {
  const sources = users(store)
  const failures: Record<string, number> = {}
  const imports = Array.from({ length: count }, (_, index) =>
    sources.for(`user-${index}`).import({ refreshToken: `refresh-token-${index}` }),
  )
  for (const { reason } of (await Promise.allSettled(imports)) as PromiseRejectedResult[])
    if (reason !== undefined) failures[reason.message] = (failures[reason.message] ?? 0) + 1
  return failures
}
