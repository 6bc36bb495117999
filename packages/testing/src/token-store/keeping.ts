/** How long records are kept. */
import assert from 'node:assert/strict'
import type { TokenStore } from '@grantkit/core'
import { assertKept, created, eventually, freshKey, recordOf, type TokenStoreCase } from './scene.js'

const shortMs = 300
const dayMs = 24 * 60 * 60 * 1000
/** Too much for `setTimeout()`; and what is left of it in 32 bits, with a sign or without, is over in a moment. */
const beyond32BitsMs = 2 ** 32 + 100

export const keeping: readonly TokenStoreCase[] = [
  {
    name: 'drops a record after its time',
    async run({ here, there, key }) {
      const { version } = await created(here, key, 'short-lived', shortMs)
      await dropped(there, key)
      await assertKept(here, key, undefined)
      assert.equal(await here.delete(key, version), false)
    },
  },
  {
    name: 'treats a record that was dropped as one that never was',
    async run({ here, there, key }) {
      const { version } = await created(here, key, 'short-lived', shortMs)
      await dropped(here, key)
      assert.equal(await there.compareAndSet(key, version, recordOf('late')), false)
      await assertKept(here, key, undefined)
      await assertKept(here, key, await created(there, key, 'new'))
    },
  },
  {
    name: 'keeps a record for ever when no time is given',
    async run({ here, there, key }) {
      const record = await created(here, key, 'lasting')
      await aMomentLater(there)
      await assertKept(there, key, record)
    },
  },
  {
    name: 'keeps a record for 50 days, which is more milliseconds than 32 bits hold',
    async run({ here, there, key }) {
      const record = await created(here, key, 'lasting', beyond32BitsMs)
      await aMomentLater(there)
      await assertKept(there, key, record)
    },
  },
  {
    name: 'counts the time anew at each write',
    async run({ here, there, key }) {
      const long = await created(here, key, 'long', dayMs)
      const short = recordOf('short', shortMs)
      assert.equal(await there.compareAndSet(key, long.version, short), true)
      await dropped(here, key)
    },
  },
  {
    name: 'takes the limit off by a write without one',
    async run({ here, there, key }) {
      const limited = await created(here, key, 'limited', 2_000)
      const lasting = recordOf('lasting')
      assert.equal(await there.compareAndSet(key, limited.version, lasting), true)
      await aMomentLater(here, 2_000)
      await assertKept(here, key, lasting)
    },
  },
]

function dropped(store: TokenStore, key: string): Promise<void> {
  return eventually('the record is dropped', async () => (await store.get(key)) === undefined)
}

/** Waits for a record that is to be kept for that long, and is written now: whatever should have gone before has gone. */
async function aMomentLater(store: TokenStore, keepForMs = shortMs): Promise<void> {
  const key = freshKey()
  await created(store, key, 'short-lived', keepForMs)
  await dropped(store, key)
}
