import { tokenStoreContract } from '@grantkit/testing'
import { describe, test } from 'vitest'
import { fileStore } from '../src/index.js'
import { temporaryDirectory } from './temporary-directory.js'

describe('fileStore', () => {
  const directory = temporaryDirectory()
  for (const { name, run } of tokenStoreContract({ create: () => fileStore({ directory: directory() }) }))
    test(name, run)
})
