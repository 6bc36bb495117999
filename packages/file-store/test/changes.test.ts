import { mkdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileStore } from '../src/index.js'
import { eventually } from './eventually.js'
import { temporaryDirectory } from './temporary-directory.js'

const parent = temporaryDirectory()
const record = { version: 'one', value: '', keepForMs: undefined }

test('tells nothing where nothing can be watched, and tries again with the next listener', async () => {
  const directory = join(parent(), 'missing')
  const store = fileStore({ directory })
  rmSync(directory, { recursive: true })
  const heard: string[] = []
  store.watch?.(key => heard.push(key))
  expect(await store.compareAndSet('key', undefined, record)).toBe(true)
  store.watch?.(() => {})
  await eventually(async () => {
    await store.delete('key', 'one')
    await store.compareAndSet('key', undefined, record)
    return heard.includes('key')
  })
  await store.close?.()
})

test('tells nothing of folders that are no records, nor of records that cannot be read', async () => {
  const directory = join(parent(), 'strange')
  const store = fileStore({ directory })
  const heard: string[] = []
  store.watch?.(key => heard.push(key))
  mkdirSync(join(directory, 'records', '.strange'))
  mkdirSync(join(directory, 'records', '+broken', 'folder'), { recursive: true })
  utimesSync(join(directory, 'records', '+broken'), new Date(), new Date())
  await store.compareAndSet('key', undefined, record)
  await eventually(() => heard.includes('key'))
  expect(new Set(heard)).toEqual(new Set(['key']))
  await store.close?.()
})
