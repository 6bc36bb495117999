import { chmodSync, chownSync, lchownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { memoryStore, sealedStore } from '@grantkit/core'
import { describe, expect, test } from 'vitest'
import { fileStore } from '../src/index.js'
import { keyOf, nameOf } from '../src/names.js'
import { temporaryDirectory } from './temporary-directory.js'

const parent = temporaryDirectory()
const isRoot = process.geteuid?.() === 0
const refused = expect.objectContaining({ name: 'TypeError', option: 'directory', code: 'ERR_OPTION' })

describe('the directory', () => {
  test('is made for its owner alone, with what leads to it', () => {
    const directory = join(parent(), 'made', 'store')
    fileStore({ directory })
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(join(parent(), 'made')).mode & 0o777).toBe(0o700)
  })

  test.each([0o710, 0o740, 0o720, 0o701, 0o704, 0o702])('is refused with mode %o, and how to mend it is said', mode => {
    const directory = join(parent(), `mode-${mode.toString(8)}`)
    mkdirSync(directory)
    chmodSync(directory, mode)
    expect(() => fileStore({ directory })).toThrow(refused)
    expect(() => fileStore({ directory })).toThrow('chmod 700')
    chmodSync(directory, 0o700)
    fileStore({ directory })
  })

  test('may be a symbolic link of its owner', () => {
    const target = join(parent(), 'target')
    mkdirSync(target, { mode: 0o700 })
    symlinkSync(target, join(parent(), 'link'))
    fileStore({ directory: join(parent(), 'link') })
    expect(statSync(join(target, 'records')).isDirectory()).toBe(true)
  })

  test('is refused as a symbolic link of somebody else', context => {
    context.skip(!isRoot, 'only root can give a link away')
    const target = join(parent(), 'lured')
    mkdirSync(target, { mode: 0o700 })
    symlinkSync(target, join(parent(), 'lure'))
    lchownSync(join(parent(), 'lure'), 65_534, 65_534)
    expect(() => fileStore({ directory: join(parent(), 'lure') })).toThrow(refused)
  })

  test('is refused when it belongs to somebody else', context => {
    context.skip(!isRoot, 'only root can give a directory away')
    const directory = join(parent(), 'foreign')
    mkdirSync(directory, { mode: 0o700 })
    chownSync(directory, 65_534, 65_534)
    expect(() => fileStore({ directory })).toThrow(refused)
  })
})

describe('a directory that cannot be made is refused, naming the option', () => {
  const file = () => {
    const path = join(parent(), 'file')
    writeFileSync(path, '')
    return path
  }
  const looping = () => {
    const path = join(parent(), 'loop')
    symlinkSync(path, path)
    return path
  }
  const takenInside = () => {
    const path = join(parent(), 'taken')
    mkdirSync(path, { mode: 0o700 })
    writeFileSync(join(path, 'records'), '')
    return path
  }
  test.each([
    ['a file', file, /file is no directory.* \(EEXIST\)/],
    ['below a file', () => join(file(), 'store'), /leads through something that is no directory \(ENOTDIR/],
    ['where nothing can be made', () => '/proc/store', /cannot be made: give a path whose parent is there \(ENOENT/],
    ['with a name too long', () => join(parent(), 'x'.repeat(300)), /too long.* \(ENAMETOOLONG/],
    ['a link to itself', looping, /\((ELOOP|EEXIST)/],
    ['with a file in place of a folder', takenInside, /what has its place in it is none.* \(EEXIST at .*records\)/],
    ['with a zero byte', () => 'a\0b', /cannot be made or used \(ERR_INVALID_ARG_VALUE\)/],
  ])('%s', (_, path, message) => {
    const directory = path()
    expect(() => fileStore({ directory })).toThrow(refused)
    expect(() => fileStore({ directory })).toThrow(message)
  })

  test('where this user may not', context => {
    context.skip(isRoot, 'root may')
    const closed = join(parent(), 'closed')
    mkdirSync(closed, { mode: 0o500 })
    expect(() => fileStore({ directory: join(closed, 'store') })).toThrow(refused)
  })
})

describe('options', () => {
  test.each([
    { options: {}, option: 'directory' },
    { options: { directory: '' }, option: 'directory' },
    { options: { directory: '/nowhere', secrecy: 'sealed' }, option: 'secrecy' },
    { options: { directory: '/nowhere', path: '/nowhere' }, option: 'path' },
    { options: { directory: '/nowhere', timeoutMs: 0 }, option: 'timeoutMs' },
  ])('names $option when it is wrong', ({ options, option }) => {
    expect(() => fileStore(options as Parameters<typeof fileStore>[0])).toThrow(
      expect.objectContaining({ name: 'TypeError', option }),
    )
  })

  test('secrecy is what the user says, and nothing unless they do', () => {
    const directory = join(parent(), 'secrecy')
    expect(fileStore({ directory }).secrecy).toBeUndefined()
    expect(fileStore({ directory, secrecy: 'elsewhere' }).secrecy).toBe('elsewhere')
  })

  test('sealed, it keeps no value in the clear', async () => {
    const directory = join(parent(), 'sealed')
    const plain = fileStore({ directory })
    const store = sealedStore(plain, { keys: [{ id: 'one', key: Buffer.alloc(32, 0xf1) }] })
    await store.compareAndSet('key', undefined, { version: 'one', value: 'the secret', keepForMs: undefined })
    expect((await store.get('key'))?.value).toBe('the secret')
    expect(inspect(await plain.get('key'))).not.toContain('the secret')
  })
})

test('names of folders tell keys apart where capitals do not count, and lead back to the key', () => {
  const keys = ['key', 'KEY', 'Key', 'con', '-', '_', 'A'.repeat(100), 'aA0_-zZ9']
  const names = keys.map(nameOf)
  expect(new Set(names.map(name => name.toLowerCase())).size).toBe(keys.length)
  expect(names.map(keyOf)).toEqual(keys)
  expect(Math.max(...names.map(name => name.length))).toBeLessThan(255)
  for (const name of ['.DS_Store', 'key', '+', '+A', '++', '+a.b']) expect(keyOf(name)).toBeUndefined()
})

test('has every operation that a store in memory has', () => {
  const operations = Object.keys(memoryStore()).filter(name => name !== 'secrecy')
  expect(Object.keys(fileStore({ directory: join(parent(), 'operations') }))).toEqual(
    expect.arrayContaining(operations),
  )
})
