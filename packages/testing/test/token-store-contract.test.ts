/** The contract passes for good stores, and its cases fail for the faults they are there for. */
import { memoryStore, type TokenStore } from '@grantkit/core'
import { beforeAll, describe, expect, test } from 'vitest'
import { tokenStoreContract } from '../src/index.js'
import { type Fault, tinyStores } from './tiny-stores.js'

describe('the store in memory, which is one for the whole process', () => {
  const store = memoryStore()
  for (const { name, run } of tokenStoreContract({ create: () => store })) test.concurrent(name, run)
})

describe('two stores on one backend', () => {
  for (const { name, run } of tokenStoreContract({ create: tinyStores() })) test.concurrent(name, run)
})

describe('a store without watch()', () => {
  for (const { name, run } of tokenStoreContract({ create: withoutWatch(), watches: false })) test.concurrent(name, run)
})

const creations = ['creates a record only where there is none', 'lets one of 50 create a record']
const askedAgain = [
  'says true again to a creation asked again, and changes nothing',
  'says true again to a replacement asked again, and changes nothing',
]
const byVersion = 'knows a write asked again by its version, though a store around it has sealed the value anew'
const leaseAndRecord = 'keeps a lease whatever happens to the record'
const recordAndLease = 'keeps a record whatever happens to the lease, and needs no lease to write it'
const tellsOwn = 'tells of writes and deletions by itself'
const tellsOthers = 'tells of writes and deletions in another process'

const faults: Readonly<Record<Fault, readonly string[]>> = {
  'says null': ['has no record where none was written'],
  'a backend for each process': ['shows each process what the other wrote last'],
  'drops empty values': ['gives a value back as it was: no characters'],
  'reads values as JSON': ['gives a value back as it was: JSON'],
  'reads escapes': ['gives a value back as it was: quotes and escapes'],
  'knows no letters beyond Latin': ['gives a value back as it was: several alphabets'],
  'normalises letters': ['gives a value back as it was: two spellings of one letter'],
  'leaves out control characters': ['gives a value back as it was: control characters'],
  'trims values': ['gives a value back as it was: all kinds of line ends'],
  'cuts values': ['gives a value back as it was: 1 MiB'],
  'ignores the case of keys': ['keeps keys apart, however alike they are'],
  'cuts keys': ['keeps keys apart, however alike they are'],
  'the last writer wins': [
    ...creations,
    'replaces a record only where there is one',
    'refuses a version that is no longer kept, and changes nothing',
    'says false to a write asked again that was written over since',
    'refuses a version from before a deletion',
    'lets one of 50 write over a version',
    'loses none of the increments of 8 workers in two processes',
  ],
  'creates over what is there': [...creations, 'says false to a write asked again that was written over since'],
  'replaces what is not there': [
    'replaces a record only where there is one',
    'refuses a version from before a deletion',
  ],
  'looks, and writes later': [
    'lets one of 50 create a record',
    'lets one of 50 write over a version',
    'either writes over a version or deletes it when asked for both at once',
    'loses none of the increments of 8 workers in two processes',
  ],
  'looks, and deletes later': [
    'lets one of 50 delete a record',
    'either writes over a version or deletes it when asked for both at once',
  ],
  'refuses what it has written': [...askedAgain, byVersion],
  'writes again what it has written': [byVersion],
  'knows a write again by its value': [byVersion],
  'says true to all it ever wrote': ['says false to a write asked again that was written over since'],
  'deletes whatever is there': ['deletes a record only at the version that is kept', 'creates a deleted record again'],
  'deletes what is not there': ['says false to a deletion where there is nothing', 'drops a record after its time'],
  'creates nothing where it deleted': ['creates a deleted record again'],
  'takes the version it deleted': ['refuses a version from before a deletion'],
  'ignores keepForMs': ['drops a record after its time', 'counts the time anew at each write'],
  'hides what should be dropped': ['treats a record that was dropped as one that never was'],
  'keeps nothing for ever': ['keeps a record for ever when no time is given'],
  'counts in 32 bits': ['keeps a record for 50 days, which is more milliseconds than 32 bits hold'],
  'keeps to the first limit': ['counts the time anew at each write', 'takes the limit off by a write without one'],
  'keeps to the longest limit': ['counts the time anew at each write'],
  'leases for each process': [
    'grants a lease to one holder, and refuses it to others in every process',
    'grants a lease to one of 50',
  ],
  'grants every lease': ['grants a lease to one holder, and refuses it to others in every process'],
  'grants a lease once': ['lets its holder keep a lease, through any store'],
  'looks, and grants later': ['grants a lease to one of 50', 'grants a lease that has run out to one of 50'],
  'looks, and takes over later': ['grants a lease that has run out to one of 50'],
  'leases never end': ['lets a lease run out by itself, and then refuses it to who had it'],
  'leases end at their first end': ['counts a lease that is kept anew: it outlasts its first end'],
  'leases end at their last end': ['counts a lease that is kept anew, when that is shorter too'],
  'release does nothing': [
    'grants a lease that was given back',
    'gives back a lease nobody has without complaint',
    'keeps the leases of different keys apart',
  ],
  'release by anybody': [
    'gives back no lease of somebody else',
    'gives back no lease that ran out and has another holder now',
  ],
  'release complains': ['gives back a lease nobody has without complaint'],
  'one lease for all keys': ['keeps the leases of different keys apart'],
  'cuts holders': ['takes holders of 100 characters, and tells them apart'],
  'a write frees the lease': [leaseAndRecord],
  'a deletion frees the lease': [leaseAndRecord],
  'a dropped record frees the lease': [leaseAndRecord],
  'release deletes the record': [recordAndLease],
  'a lease makes a record': [recordAndLease],
  'writes under a lease alone': ['creates a deleted record again'],
  'tells nobody': [tellsOwn, tellsOthers],
  'tells its own process alone': [tellsOthers],
  'tells the other processes alone': [tellsOwn],
  'tells nothing of deletions': [tellsOwn, tellsOthers],
  'tells after the end': ['tells a listener nothing more once it has unsubscribed, and the others as before'],
  'one unsubscribes for all': ['tells a listener nothing more once it has unsubscribed, and the others as before'],
  'a listener fails the write': ['lets a listener that throws harm nobody'],
  'the first listener that throws is the last': ['lets a listener that throws harm nobody'],
  'closes everything': ['goes on after another store of the same backend was closed, with all it wrote'],
  'closes all listeners': ['goes on telling after another store of the same backend was closed'],
  'cannot be closed under a listener': ['can be closed while a listener is there'],
  'cannot be closed twice': ['can be closed twice'],
  'cannot be closed unused': ['can be closed before it was used'],
}

/** At once, since many fail by waiting for what never comes. */
describe('a store that does not', () => {
  const failures = new Map<string, unknown>()
  const runs = Object.entries(faults).flatMap(([fault, names]) => names.map(name => ({ fault: fault as Fault, name })))

  beforeAll(async () => {
    await Promise.all(
      runs.map(async ({ fault, name }) => {
        const found = tokenStoreContract({ create: tinyStores(fault) }).find(one => one.name === name)
        await found?.run().catch(error => failures.set(`${fault}: ${name}`, error))
      }),
    )
  })

  test.each(runs)('$fault: $name', ({ fault, name }) => {
    expect(failures.get(`${fault}: ${name}`)).toBeInstanceOf(Error)
  })
})

describe('tokenStoreContract', () => {
  const create = memoryStore

  test('has cases of different names, each of which fails for a fault', () => {
    const names = tokenStoreContract({ create }).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(new Set(Object.values(faults).flat())).toEqual(new Set(names))
  })

  test('leaves out what a store cannot do, and nothing else', () => {
    const [first, ...others] = tokenStoreContract({ create }).map(({ name }) => name)
    const left = tokenStoreContract({ create, cannot: { [first ?? '']: 'for a reason' } }).map(({ name }) => name)
    expect(left).toEqual(others)
  })

  test('refuses a case in `cannot` that there is not', () => {
    const contract = () => tokenStoreContract({ create, cannot: { 'does the impossible': 'no such case' } })
    expect(contract).toThrow(expect.objectContaining({ name: 'TypeError', option: 'cannot' }))
  })

  test('fails for a store with watch() whose setup says that it has none, and the other way round', async () => {
    const named = (name: string, setup: Parameters<typeof tokenStoreContract>[0]) =>
      tokenStoreContract(setup).find(one => one.name === name)
    await expect(named('has no watch()', { create, watches: false })?.run()).rejects.toThrow('leave `watches: false`')
    await expect(named(tellsOwn, { create: withoutWatch() })?.run()).rejects.toThrow('say `watches: false`')
  })

  test('closes the stores of a case, also of one that failed, and one whose other store did not open', async () => {
    let open = 0
    let refuseAt = Number.POSITIVE_INFINITY
    const counting = async (): Promise<TokenStore> => {
      if (++open > refuseAt) throw new Error('the second does not open')
      return { ...tinyStores('says null')(), close: async () => void open-- }
    }
    const [failing] = tokenStoreContract({ create: counting })
    await expect(failing?.run()).rejects.toThrow('a record is kept')
    expect(open).toBe(0)
    refuseAt = 1
    await expect(failing?.run()).rejects.toThrow('the second does not open')
    expect(open).toBe(1)
  })
})

/** The same store again each time, without notice of changes. */
function withoutWatch(): () => TokenStore {
  const { watch: _, ...store } = memoryStore()
  return () => store
}
