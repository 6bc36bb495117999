import { httpClientContract } from '@grantkit/testing'
import { describe, test } from 'vitest'
import { contractClients } from './contract-clients.js'

for (const [name, setup] of Object.entries(contractClients))
  describe(name, () => {
    for (const { name, run } of httpClientContract(setup)) test(name, run)
  })
