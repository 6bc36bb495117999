import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openDirectory } from '../src/directory.js'
import { systemFiles } from '../src/files.js'
import { fileStore } from '../src/index.js'
import { thisMachine } from '../src/machine.js'
import { storeIn } from '../src/store.js'
import { machineByHand } from './machine-by-hand.js'
import { stepping } from './stepping.js'
import { temporaryDirectory } from './temporary-directory.js'

const parent = temporaryDirectory()
const dayMs = 24 * 60 * 60 * 1000

/** A store of its own, and the folder of its one record. */
async function storeWithRecord(value = 'the refresh token') {
  const directory = join(parent(), randomBytes(8).toString('hex'))
  const store = fileStore({ directory })
  await store.compareAndSet('key', undefined, { version: 'one', value, keepForMs: undefined })
  const folder = join(directory, 'records', '+key')
  const names = readdirSync(folder)
  const nameEnding = (pattern: RegExp) => join(folder, names.find(name => pattern.test(name)) ?? '')
  return { directory, store, folder, text: nameEnding(/\.json$/), baton: nameEnding(/^baton\./) }
}

test('keeps folders and files for their owner alone, whatever the umask', async () => {
  const umask = process.umask(0)
  const { directory, folder, text } = await storeWithRecord().finally(() => process.umask(umask))
  for (const path of [directory, join(directory, 'records'), join(directory, 'leases'), folder])
    expect(statSync(path).mode & 0o777).toBe(0o700)
  expect(statSync(text).mode & 0o777).toBe(0o600)
})

test('keeps one file of text for a record, however often it was written', async () => {
  const { store, folder } = await storeWithRecord()
  for (let version = 2; version < 20; version++) {
    const expected = (await store.get('key'))?.version
    await store.compareAndSet('key', expected, { version: `${version}`, value: 'next', keepForMs: undefined })
  }
  expect(readdirSync(folder)).toHaveLength(2)
})

test('leaves nothing of a record that was deleted', async () => {
  const { directory, store } = await storeWithRecord()
  await store.delete('key', 'one')
  await store.lease('key', 'holder', 1000)
  await store.release('key', 'holder')
  for (const folder of ['records', 'leases', 'new']) expect(readdirSync(join(directory, folder))).toEqual([])
})

test('leaves the record alone and nothing else behind when the disk is full', async () => {
  const { directory, folder, store } = await storeWithRecord()
  const full = stepping(systemFiles, async (act, name) => {
    if (name === 'write') throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    return act()
  })
  const failing = storeIn(openDirectory(directory), full, thisMachine())
  const record = { version: 'two', value: 'next', keepForMs: undefined }
  await expect(failing.compareAndSet('key', 'one', record)).rejects.toMatchObject({ code: 'ENOSPC' })
  await expect(failing.compareAndSet('other', undefined, record)).rejects.toMatchObject({ code: 'ENOSPC' })
  expect((await store.get('key'))?.version).toBe('one')
  expect(readdirSync(folder)).toHaveLength(2)
  expect(readdirSync(join(directory, 'new'))).toEqual([])
})

test.each([
  { key: '' },
  { key: '../records' },
  { key: 'a/b' },
  { key: 'a.b' },
  { key: 'k'.repeat(101) },
  { key: undefined as unknown as string },
])('refuses $key as a key', async ({ key }) => {
  const { store } = await storeWithRecord()
  const record = { version: 'one', value: '', keepForMs: undefined }
  const refused = { name: 'TypeError', option: 'key' }
  await expect(store.get(key)).rejects.toMatchObject(refused)
  await expect(store.compareAndSet(key, undefined, record)).rejects.toMatchObject(refused)
  await expect(store.delete(key, 'one')).rejects.toMatchObject(refused)
  await expect(store.lease(key, 'holder', 1000)).rejects.toMatchObject(refused)
  await expect(store.release(key, 'holder')).rejects.toMatchObject(refused)
})

describe('a record that cannot be read', () => {
  const damages: Record<string, (found: Awaited<ReturnType<typeof storeWithRecord>>) => void> = {
    'was cut short': ({ text }) => truncateSync(text, 30),
    'is empty': ({ text }) => truncateSync(text, 0),
    'is something else': ({ text }) => writeFileSync(text, '{"the refresh token":1}'),
    'is null': ({ text }) => writeFileSync(text, 'null'),
    'does not say how long it is kept': ({ text }) =>
      writeFileSync(text, '{"format":1,"version":"one","value":"the refresh token"}'),
    'is of a later version': ({ text }) =>
      writeFileSync(text, '{"format":2,"version":"one","value":"the refresh token","until":null}'),
    'has lost its text': ({ text }) => rmSync(text),
    'has two batons': ({ folder }) => writeFileSync(join(folder, 'baton.restored'), ''),
    'has lost its baton and has files of somebody else': ({ folder, baton }) => {
      renameSync(baton, join(folder, 'baton'))
    },
  }

  test.each(Object.entries(damages))('and %s is not taken for absent, nor written over', async (_, damage) => {
    const found = await storeWithRecord()
    damage(found)
    const record = { version: 'two', value: '', keepForMs: undefined }
    for (const operation of [
      () => found.store.get('key'),
      () => found.store.compareAndSet('key', undefined, record),
      () => found.store.compareAndSet('key', 'one', record),
      () => found.store.delete('key', 'one'),
    ]) {
      const error = await operation().then(
        () => undefined,
        (error: unknown) => error,
      )
      expect(error).toMatchObject({ code: 'ERR_TOKEN_STORE', retryable: false })
      expect((error as Error).message).toContain(found.folder)
      expect(inspect(error, { showHidden: true })).not.toContain('the refresh token')
    }
  })

  test('does not fail the writes of others', async () => {
    const { store, text } = await storeWithRecord()
    truncateSync(text)
    expect(await store.compareAndSet('other', undefined, { version: 'one', value: '', keepForMs: 0 })).toBe(true)
  })

  test('because it is a symbolic link is refused', async () => {
    const { store, text } = await storeWithRecord()
    renameSync(text, `${text}.away`)
    symlinkSync(`${text}.away`, text)
    await expect(store.get('key')).rejects.toMatchObject({ code: 'ELOOP' })
  })
})

describe('how long a record is kept', () => {
  const setUp = async () => {
    const directory = openDirectory(join(parent(), randomBytes(8).toString('hex')))
    const machine = machineByHand()
    const open = () => storeIn(directory, systemFiles, machine.as('process'))
    await open().compareAndSet('key', undefined, { version: 'one', value: 'kept', keepForMs: dayMs })
    return { machine, directory, versionKept: async () => (await open().get('key'))?.version, open }
  }

  test('is not changed by setting the wall clock', async () => {
    const { machine, versionKept } = await setUp()
    machine.clocks.epochMs += 365 * dayMs
    expect(await versionKept()).toBe('one')
    machine.clocks.epochMs -= 730 * dayMs
    machine.clocks.sinceBootMs += dayMs
    expect(await versionKept()).toBeUndefined()
  })

  test('goes by the wall clock once the system was started anew', async () => {
    const { machine, versionKept } = await setUp()
    machine.restart()
    machine.clocks.epochMs += dayMs - 1
    expect(await versionKept()).toBe('one')
    machine.clocks.epochMs += 1
    expect(await versionKept()).toBeUndefined()
  })

  test('ends with its folder, by a few writes of others', async () => {
    const { machine, directory, open } = await setUp()
    machine.clocks.sinceBootMs += dayMs
    const store = open()
    for (let index = 0; index < 3; index++)
      await store.compareAndSet(`other${index}`, undefined, { version: 'one', value: '', keepForMs: undefined })
    expect(readdirSync(directory.records).sort()).toEqual(['+other0', '+other1', '+other2'])
  })
})

test('clears up what a crash has left of a new folder, after an hour and not before', async () => {
  const directory = openDirectory(join(parent(), randomBytes(8).toString('hex')))
  const left = join(directory.aside, 'left')
  mkdirSync(left)
  writeFileSync(join(left, 'baton.one'), '')
  const machine = machineByHand()
  const store = storeIn(directory, systemFiles, machine.as('process'))
  const write = (key: string) =>
    store.compareAndSet(key, undefined, { version: 'one', value: '', keepForMs: undefined })
  await write('one')
  expect(readdirSync(directory.aside)).toEqual(['left'])
  machine.clocks.epochMs += 61 * 60 * 1000
  machine.clocks.sinceBootMs += 61 * 60 * 1000
  await write('two')
  expect(readdirSync(directory.aside)).toEqual([])
})

test('goes on when the directory was deleted as a whole', async () => {
  const { store, directory } = await storeWithRecord()
  rmSync(directory, { recursive: true })
  expect(await store.get('key')).toBeUndefined()
  const record = { version: 'two', value: 'anew', keepForMs: undefined }
  expect(await store.compareAndSet('key', undefined, record)).toBe(true)
  rmSync(directory, { recursive: true })
  expect(await store.lease('key', 'holder', 1000)).toBe(true)
})
