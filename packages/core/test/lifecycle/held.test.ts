import { describe, expect, test } from 'vitest'
import { emptyLineage, entryFor, forgetLineage, inTurn, lineageFor } from '../../src/lifecycle/held.js'
import { TokenSet } from '../../src/token-set.js'
import { deferred } from '../scripted-server.js'

const tokenSet = new TokenSet({ accessToken: 'a', obtainedAt: 0 })

describe('entryFor', () => {
  test('finds the same entry under the same keys, and another under others', () => {
    const entry = entryFor('l1', 'e1')
    expect(entryFor('l1', 'e1')).toBe(entry)
    expect(entryFor('l1', 'e2')).not.toBe(entry)
    expect(entryFor('l2', 'e1')).not.toBe(entry)
  })

  test('entries of one lineage share its refresh token', () => {
    expect(entryFor('l1', 'e1').lineage).toBe(entryFor('l1', 'e2').lineage)
    expect(lineageFor('l1')).toBe(entryFor('l1', 'e1').lineage)
  })
})

describe('forgetLineage', () => {
  test('empties what others still point at, and begins a new record', () => {
    const entry = entryFor('forgotten', 'e')
    Object.assign(entry, { tokenSet })
    Object.assign(entry.lineage, { refreshToken: 'r', refreshTokenExpiresAt: 1 })
    forgetLineage('forgotten')
    expect(entry).toMatchObject({ tokenSet: undefined })
    expect(entry.lineage).toMatchObject({ refreshToken: undefined, refreshTokenExpiresAt: undefined })
    expect(entryFor('forgotten', 'e')).not.toBe(entry)
  })

  test('does nothing to one that is not there', () => {
    expect(() => forgetLineage('never seen')).not.toThrow()
  })
})

test('emptyLineage drops the tokens and leaves the record where it is', () => {
  const entry = entryFor('emptied', 'e')
  Object.assign(entry, { tokenSet })
  emptyLineage(entry.lineage)
  expect(entry.tokenSet).toBeUndefined()
  expect(entryFor('emptied', 'e')).toBe(entry)
})

describe('inTurn', () => {
  test('runs one after the other, in order, failures included', async () => {
    const lineage = lineageFor('turns')
    const [first, second] = [deferred(), deferred()]
    const steps: string[] = []
    const turn = (name: string, gate: Promise<void>) =>
      inTurn(lineage, async () => {
        steps.push(`${name} begins`)
        await gate
        steps.push(`${name} ends`)
      })
    const turns = [turn('first', first.promise), turn('second', second.promise)]
    second.resolve()
    await new Promise(setImmediate)
    expect(steps).toEqual(['first begins'])
    first.reject(new Error('no'))
    await expect(turns[0]).rejects.toThrow('no')
    await turns[1]
    expect(steps).toEqual(['first begins', 'second begins', 'second ends'])
  })

  test('does not make another lineage wait', async () => {
    inTurn(lineageFor('slow'), () => new Promise(() => {}))
    expect(await inTurn(lineageFor('quick'), async () => 'done')).toBe('done')
  })
})

test('memory is bounded: beyond 100,000 lineages those that need no user go first, and none in use', () => {
  const login = lineageFor('login')
  login.refreshToken = 'r'
  const busy = entryFor('busy', 'e')
  busy.flight = Promise.resolve(tokenSet)
  const oldest = entryFor('oldest', 'e')
  oldest.tokenSet = tokenSet
  for (let index = 0; index < 100_000; index++) entryFor(`application ${index}`, 'e')
  expect(oldest.tokenSet).toBeUndefined()
  expect(entryFor('oldest', 'e')).not.toBe(oldest)
  expect(lineageFor('login')).toBe(login)
  expect(login.refreshToken).toBe('r')
  expect(entryFor('busy', 'e')).toBe(busy)
})
