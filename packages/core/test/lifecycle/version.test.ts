import { expect, test, vi } from 'vitest'
import { emptyRecord } from '../../src/lifecycle/record.js'
import { firstVersion, isFirst, newVersion, nothing, ownVersion } from '../../src/lifecycle/version.js'

test('every version is another one: 144 random bits, in characters that any store keeps', () => {
  const versions = Array.from({ length: 100 }, newVersion)
  for (const version of versions) expect(version).toMatch(/^[\w-]{24}$/)
  expect(new Set(versions).size).toBe(100)
})

test('a version tells whether there was no record before it', () => {
  const [one, other] = [firstVersion(newVersion()), firstVersion(newVersion())]
  expect(one).toMatch(/^first-[\w-]{24}$/)
  expect(one).not.toBe(other)
  expect([one, newVersion(), `${newVersion()}first-`, undefined].map(isFirst)).toEqual([true, false, false, false])
})

test('where the store has no record, what is known has no version and nothing in it', () => {
  expect(nothing).toEqual({ version: undefined, record: emptyRecord })
})

test('a name in the memory of this process is another one each time, and another installed copy’s too', async () => {
  vi.resetModules()
  const another = await import('../../src/lifecycle/version.js')
  const versions = [ownVersion, another.ownVersion].flatMap(make => Array.from({ length: 100 }, () => make()))
  expect(new Set(versions).size).toBe(200)
  expect(isFirst(ownVersion())).toBe(false)
  expect(isFirst(firstVersion(ownVersion()))).toBe(true)
})
