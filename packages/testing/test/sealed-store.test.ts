/** A sealed store is a store like any other, also while its key is being changed. */
import { randomBytes } from 'node:crypto'
import { memoryStore, type SealingKey, sealedStore } from '@grantkit/core'
import { describe, test } from 'vitest'
import { tokenStoreContract } from '../src/index.js'

const before: SealingKey = { id: '2025', key: randomBytes(32) }
const after: SealingKey = { id: '2026', key: randomBytes(32) }

describe('sealedStore in two processes, one of which seals with the new key already', () => {
  const inner = memoryStore()
  let opened = 0
  const create = () => sealedStore(inner, { keys: opened++ % 2 === 0 ? [before, after] : [after, before] })
  for (const { name, run } of tokenStoreContract({ create })) test(name, run)
})
