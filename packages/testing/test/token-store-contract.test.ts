/** The contract passes for a good store, and its cases fail for the faults they are there for. */
import { memoryStore } from '@grantkit/core'
import { describe, test } from 'vitest'
import { tokenStoreContract } from '../src/index.js'

describe('a store that does all of it', () => {
  const store = memoryStore()
  for (const { name, run } of tokenStoreContract({ create: () => store })) test(name, run)
})
