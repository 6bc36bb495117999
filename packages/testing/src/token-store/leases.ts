/** Leases: one holder, for as long as it asks, whatever happens to the record. */
import assert from 'node:assert/strict'
import type { TokenStore } from '@grantkit/core'
import {
  assertKept,
  created,
  eventually,
  freshKey,
  recordOf,
  type Scene,
  several,
  type TokenStoreCase,
  winners,
} from './scene.js'

const shortMs = 300
const longMs = 60_000

export const leases: readonly TokenStoreCase[] = [
  {
    name: 'grants a lease to one holder, and refuses it to others in every process',
    async run({ here, there, key }) {
      await taken(here, key, 'first')
      await refused(here, key, 'second')
      await refused(there, key, 'second')
      await refused(there, key, 'third')
    },
  },
  {
    name: 'lets its holder keep a lease, through any store',
    async run({ here, there, key }) {
      await taken(here, key, 'first')
      await taken(here, key, 'first')
      await taken(there, key, 'first')
      await refused(here, key, 'second')
    },
  },
  {
    name: 'grants a lease that was given back',
    async run({ here, there, key }) {
      await taken(here, key, 'first')
      await here.release(key, 'first')
      await taken(there, key, 'second')
      await refused(here, key, 'first')
      await here.release(key, 'second')
      await taken(here, key, 'first')
    },
  },
  {
    name: 'gives back no lease of somebody else',
    async run({ here, there, key }) {
      await taken(here, key, 'first')
      await here.release(key, 'second')
      await there.release(key, 'second')
      await refused(there, key, 'second')
      await taken(here, key, 'first')
    },
  },
  {
    name: 'gives back a lease nobody has without complaint',
    async run({ here, there, key }) {
      await here.release(key, 'first')
      await taken(there, key, 'first')
      await there.release(key, 'first')
      await there.release(key, 'first')
      await taken(here, key, 'second')
    },
  },
  {
    name: 'lets a lease run out by itself, and then refuses it to who had it',
    async run({ here, there, key }) {
      await taken(here, key, 'first', shortMs)
      await runsOut(there, key)
      await refused(here, key, 'first')
    },
  },
  {
    name: 'gives back no lease that ran out and has another holder now',
    async run({ here, there, key }) {
      await taken(here, key, 'first', shortMs)
      await runsOut(there, key)
      await here.release(key, 'first')
      await refused(here, key, 'first')
      await refused(here, key, 'third')
    },
  },
  {
    name: 'counts a lease that is kept anew: it outlasts its first end',
    async run({ here, there, key }) {
      await taken(here, key, 'first', shortMs)
      await taken(here, key, 'first', longMs)
      await aMomentLater(there)
      await refused(there, key, 'second')
    },
  },
  {
    name: 'counts a lease that is kept anew, when that is shorter too',
    async run({ here, there, key }) {
      await taken(here, key, 'first', longMs)
      await taken(here, key, 'first', shortMs)
      await runsOut(there, key)
    },
  },
  {
    name: 'grants a lease to one of 50',
    async run(scene) {
      await oneOf50(scene)
    },
  },
  {
    name: 'grants a lease that has run out to one of 50',
    async run(scene) {
      await taken(scene.here, scene.key, 'first', shortMs)
      await aMomentLater(scene.there)
      await oneOf50(scene)
    },
  },
  {
    name: 'keeps the leases of different keys apart',
    async run({ here, there, key }) {
      const other = freshKey()
      await taken(here, key, 'first')
      await taken(there, other, 'second')
      await there.release(other, 'first')
      await there.release(other, 'second')
      await refused(there, key, 'second')
      await taken(here, other, 'first')
    },
  },
  {
    name: 'takes holders of 100 characters, and tells them apart',
    async run({ here, there, key }) {
      await taken(here, key, 'holder-'.padEnd(100, '_'))
      await refused(there, key, 'holder-'.padEnd(99, '_'))
      await refused(there, key, 'HOLDER-'.padEnd(100, '_'))
      await taken(there, key, 'holder-'.padEnd(100, '_'))
    },
  },
  {
    name: 'keeps a lease whatever happens to the record',
    async run({ here, there, key }) {
      await taken(here, key, 'first')
      await created(there, key, 'short-lived', shortMs)
      await eventually('the record is dropped', async () => (await there.get(key)) === undefined)
      await refused(there, key, 'second')
      const record = await created(there, key, 'first')
      const next = recordOf('second')
      assert.equal(await there.compareAndSet(key, record.version, next), true)
      await refused(there, key, 'second')
      assert.equal(await there.delete(key, next.version), true)
      await refused(there, key, 'second')
      await taken(here, key, 'first')
    },
  },
  {
    name: 'keeps a record whatever happens to the lease, and needs no lease to write it',
    async run({ here, there, key }) {
      await taken(here, key, 'first', shortMs)
      await assertKept(there, key, undefined)
      const record = await created(there, key, 'first')
      await runsOut(there, key)
      await assertKept(here, key, record)
      await here.release(key, 'next')
      await assertKept(there, key, record)
      await taken(here, key, 'third')
      const next = recordOf('second')
      assert.equal(await there.compareAndSet(key, record.version, next), true)
      assert.equal(await there.delete(key, next.version), true)
    },
  },
]

async function taken(store: TokenStore, key: string, holder: string, durationMs = longMs): Promise<void> {
  assert.equal(await store.lease(key, holder, durationMs), true, `the lease was refused to ${holder}`)
}

async function refused(store: TokenStore, key: string, holder: string): Promise<void> {
  assert.equal(await store.lease(key, holder, longMs), false, `the lease was granted to ${holder} too`)
}

/** Asks as `next` until the lease is granted. */
function runsOut(store: TokenStore, key: string): Promise<void> {
  return eventually('the lease runs out', () => store.lease(key, 'next', longMs))
}

/** Waits for the end of a short lease that begins now: whatever should have run out before has run out. */
async function aMomentLater(store: TokenStore): Promise<void> {
  const key = freshKey()
  await taken(store, key, 'first', shortMs)
  await runsOut(store, key)
}

async function oneOf50(scene: Scene): Promise<void> {
  const { here, there, key } = scene
  const holders = several(50, index => `holder-${index}`)
  const granted = await winners(scene, holders, (store, holder) => store.lease(key, holder, longMs))
  assert.equal(granted.length, 1, `${granted.length} of 50 got it`)
  for (const holder of granted) await taken(there, key, holder)
  await refused(here, key, 'somebody-else')
}
