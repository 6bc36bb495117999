/** Every operation is stopped after each of its steps, by a death of the process and by a power cut. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TokenStore } from '@grantkit/core'
import { describe, expect, test } from 'vitest'
import { type Directory, openDirectory } from '../src/directory.js'
import { type Files, systemFiles } from '../src/files.js'
import { storeIn } from '../src/store.js'
import { machineByHand } from './machine-by-hand.js'
import { type MemoryFiles, memoryFiles } from './memory-files.js'
import { failingAt, stoppingAfter } from './stepping.js'

type Store = Pick<TokenStore, 'get' | 'compareAndSet' | 'delete' | 'lease' | 'release'>

const key = 'The_Key'
const old = { version: 'old', value: 'refresh token '.repeat(20), keepForMs: undefined }
const next = { version: 'next', value: 'next refresh token '.repeat(30), keepForMs: undefined }
const hourMs = 60 * 60 * 1000

interface Operation {
  readonly name: string
  readonly before: (store: Store) => Promise<unknown>
  readonly run: (store: Store) => Promise<unknown>
  /** The version before and after. */
  readonly versions: readonly [string | undefined, string | undefined]
}

const nothing = async () => {}
const operations: readonly Operation[] = [
  {
    name: 'the first write',
    before: nothing,
    run: store => store.compareAndSet(key, undefined, next),
    versions: [undefined, 'next'],
  },
  {
    name: 'a write over another',
    before: store => store.compareAndSet(key, undefined, old),
    run: store => store.compareAndSet(key, 'old', next),
    versions: ['old', 'next'],
  },
  {
    name: 'a write over one whose time is over',
    before: store => store.compareAndSet(key, undefined, { ...old, keepForMs: 0 }),
    run: store => store.compareAndSet(key, undefined, next),
    versions: [undefined, 'next'],
  },
  {
    name: 'a deletion',
    before: store => store.compareAndSet(key, undefined, old),
    run: store => store.delete(key, 'old'),
    versions: ['old', undefined],
  },
  {
    name: 'a write after a deletion',
    before: async store => {
      await store.compareAndSet(key, undefined, old)
      await store.delete(key, 'old')
    },
    run: store => store.compareAndSet(key, undefined, next),
    versions: [undefined, 'next'],
  },
]

describe.each(operations)('$name', ({ before, run, versions }) => {
  test('leaves the old or the new record wherever the process is killed, and nothing else for long', async () => {
    for (let steps = 0; ; steps++) {
      const parent = mkdtempSync(join(tmpdir(), 'grantkit-file-store-'))
      const directory = openDirectory(join(parent, 'store'))
      const machine = machineByHand()
      await before(storeIn(directory, systemFiles, machine.as('first')))

      const { files, done } = stoppingAfter(systemFiles, steps)
      const ended = await hasEnded(run(storeIn(directory, files, machine.as('first'))))

      machine.dead.add('first')
      const successor = storeIn(directory, systemFiles, machine.as('second'))
      await expectWhole(successor, ended ? [versions[1]] : versions)
      await expectUsable(successor)
      machine.clocks.epochMs += 2 * hourMs
      machine.clocks.sinceBootMs += 2 * hourMs
      await expectSwept(successor, directory, systemFiles)
      rmSync(parent, { recursive: true })
      if (ended) return expect(done.length).toBeGreaterThan(4)
    }
  })

  test('leaves the old or the new record wherever the power fails, and the new one once that was said', async () => {
    const directory = { records: '/records', leases: '/leases', aside: '/new' }
    let cuts = 0
    for (let steps = 0; ; steps++) {
      const machine = machineByHand()
      const disk = memoryFiles(Object.values(directory))
      await before(storeIn(directory, disk, machine.as('first')))
      const { files } = stoppingAfter(disk, steps)
      const ended = await hasEnded(run(storeIn(directory, files, machine.as('first'))))
      machine.restart()
      for (const found of powerCuts(disk)) {
        cuts++
        const successor = storeIn(directory, found, machine.as('second'))
        await expectWhole(successor, ended ? [versions[1]] : versions)
        await expectUsable(successor)
      }
      if (ended) return expect(cuts).toBeGreaterThan(20)
    }
  })
})

describe.each([
  { written: 'over another', before: old },
  { written: 'for the first time', before: undefined },
])('a power cut after a process was killed while it wrote $written', ({ before }) => {
  const first = (store: Store) => store.compareAndSet(key, before?.version, next)
  const clearUp = (store: Store) => store.compareAndSet('other', undefined, old)
  test.each([
    { name: 'says the same again', prepare: clearUp, run: first, makes: 'next' },
    {
      name: 'deletes what was written',
      prepare: clearUp,
      run: (store: Store): Promise<unknown> => store.delete(key, 'next'),
      makes: undefined,
    },
    {
      name: 'clears up',
      prepare: nothing,
      run: async (store: Store): Promise<unknown> => void (await clearUp(store)),
      makes: undefined,
    },
  ])('loses nothing when another $name', async ({ prepare, run, makes }) => {
    const directory = { records: '/records', leases: '/leases', aside: '/new' }
    for (let steps = 0; ; steps++) {
      const machine = machineByHand()
      const disk = memoryFiles(Object.values(directory))
      const other = storeIn(directory, disk, machine.as('second'))
      await prepare(other)
      if (before) await storeIn(directory, disk, machine.as('first')).compareAndSet(key, undefined, before)

      const { files } = stoppingAfter(disk, steps)
      const ended = await hasEnded(first(storeIn(directory, files, machine.as('first'))))
      const said = await run(other)

      machine.restart()
      const possible = said ? [makes] : ended ? ['next'] : [before?.version, 'next']
      for (const found of powerCuts(disk)) {
        const successor = storeIn(directory, found, machine.as('third'))
        await expectWhole(successor, possible)
        await expectUsable(successor)
      }
      if (ended) return
    }
  })
})

test.each([
  { written: 'over another', before: old },
  { written: 'for the first time', before: undefined },
])('a record written $written is there whole, whichever step fails, and can be written again', async ({ before }) => {
  const directory = { records: '/records', leases: '/leases', aside: '/new' }
  const write = (store: Store) => store.compareAndSet(key, before?.version, next)
  let failures = 0
  for (let index = 0; ; index++) {
    const machine = machineByHand()
    const disk = memoryFiles(Object.values(directory))
    const store = storeIn(directory, disk, machine.as('first'))
    if (before) await store.compareAndSet(key, undefined, before)

    const { files, hasFailed } = failingAt(disk, index, 'ENOSPC')
    const said = await write(storeIn(directory, files, machine.as('first'))).catch((error: unknown) => error)

    if (said !== true) expect(said).toMatchObject({ code: 'ENOSPC' })
    await expectWhole(store, said === true ? ['next'] : [before?.version, 'next'])
    expect(await write(store)).toBe(true)
    await expectWhole(store, ['next'])
    await expectUsable(store)
    if (!hasFailed()) break
    if (said !== true) failures++
  }
  expect(failures).toBeGreaterThan(5)
})

test.each([
  { name: 'taking a lease', before: nothing, run: (store: Store) => store.lease(key, 'first', hourMs) },
  {
    name: 'keeping a lease',
    before: (store: Store) => store.lease(key, 'first', hourMs),
    run: (store: Store) => store.lease(key, 'first', hourMs),
  },
  {
    name: 'giving a lease back',
    before: (store: Store) => store.lease(key, 'first', hourMs),
    run: (store: Store) => store.release(key, 'first'),
  },
])('$name leaves a lease that the next process can have, wherever the process is killed', async ({ before, run }) => {
  const directory = { records: '/records', leases: '/leases', aside: '/new' }
  for (let steps = 0; ; steps++) {
    const machine = machineByHand()
    const disk = memoryFiles(Object.values(directory))
    await before(storeIn(directory, disk, machine.as('first')))
    const { files } = stoppingAfter(disk, steps)
    const ended = await hasEnded(run(storeIn(directory, files, machine.as('first'))))
    machine.clocks.sinceBootMs++
    machine.dead.add('first')
    const successor = storeIn(directory, disk, machine.as('second'))
    expect(await successor.lease(key, 'second', hourMs)).toBe(true)
    expect(await successor.lease(key, 'third', hourMs)).toBe(false)
    if (ended) return
  }
})

async function hasEnded(operation: Promise<unknown>): Promise<boolean> {
  try {
    await operation
    return true
  } catch (error) {
    expect((error as Error).message).toMatch(/^stopped before/)
    return false
  }
}

async function expectWhole(store: Store, versions: readonly (string | undefined)[]): Promise<void> {
  const kept = await store.get(key)
  expect(versions).toContain(kept?.version)
  if (kept) expect(kept.value).toBe(kept.version === 'old' ? old.value : next.value)
}

async function expectUsable(store: Store): Promise<void> {
  const kept = await store.get(key)
  expect(await store.compareAndSet(key, kept?.version, { ...old, version: 'usable' })).toBe(true)
  expect(await store.compareAndSet(key, kept?.version, { ...old, version: 'twice' })).toBe(false)
  expect(await store.delete(key, 'usable')).toBe(true)
  expect(await store.get(key)).toBeUndefined()
}

/** One record more is written until nothing is left but that. */
async function expectSwept(store: Store, { records, aside }: Directory, files: Files): Promise<void> {
  await store.compareAndSet('other', undefined, old)
  expect(await files.list(aside)).toEqual([])
  expect(await files.list(records)).toEqual(['+other'])
  expect(await files.list(join(records, '+other'))).toHaveLength(2)
}

/** All of them: whatever subset of what nobody has waited for is lost. */
function* powerCuts(disk: MemoryFiles): Generator<MemoryFiles> {
  expect(disk.atRisk).toBeLessThan(12)
  for (let survivors = 0; survivors < 1 << disk.atRisk; survivors++) yield disk.afterPowerCut(survivors)
}
