/** Closing: what the store itself opened is given up, and nothing of anybody else's. */
import assert from 'node:assert/strict'
import { assertKept, created, freshKey, recordOf, type TokenStoreCase } from './scene.js'

export const closing: readonly TokenStoreCase[] = [
  {
    name: 'can be closed twice',
    async run({ here, key }) {
      await here.get(key)
      await here.close?.()
      await here.close?.()
    },
  },
  {
    name: 'can be closed before it was used',
    async run({ here, there, key }) {
      await here.close?.()
      await assertKept(there, key, undefined)
    },
  },
  {
    name: 'goes on after another store of the same backend was closed, with all it wrote',
    async run({ here, there, key }) {
      const record = await created(there, key, 'first')
      await there.close?.()
      await assertKept(here, key, record)
      const next = recordOf('second')
      assert.equal(await here.compareAndSet(key, record.version, next), true)
      assert.equal(await here.delete(key, next.version), true)
      const other = freshKey()
      assert.equal(await here.lease(other, 'first', 60_000), true)
      await here.release(other, 'first')
      assert.equal(await here.lease(other, 'second', 60_000), true)
    },
  },
]
