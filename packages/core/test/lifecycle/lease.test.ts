import { expect, test } from 'vitest'
import { holdingsOf } from '../../src/lifecycle/holdings.js'
import { leaseOf } from '../../src/lifecycle/lease.js'
import { memoryStore } from '../../src/store/memory-store.js'

test('who has waited too long is told that others have the lease, and for how long', async () => {
  const store = memoryStore()
  const { lineage } = holdingsOf(store).entry('lineage', 'entry')
  await store.lease(lineage.key, 'somebody else', 60_000)
  const lease = leaseOf(lineage, 1_000, 1)
  const waiting = async () => {
    while (!(await lease.takeOrWait()));
  }
  await expect(waiting()).rejects.toMatchObject({
    code: 'ERR_TOKEN_STORE',
    operation: 'lease',
    retryable: true,
    message: 'lease: others have held the lease of this token for 0 s, and no answer of theirs came',
  })
})
