import { describe, expect, test } from 'vitest'
import { type Concern, giveUp, isHopeless } from '../src/hopeless.js'
import { TokenSet } from '../src/index.js'
import { setUp, start } from './scripted-server.js'

/** Rejections at one instant after another. The table is one for the process, so each test has a later hour than before. */
let hours = 0
function setUpLater() {
  const { client, clock } = setUp()
  clock.advance(++hours * 3_600_000)
  const source = { client, getTokenSet: async () => new TokenSet({ accessToken: 'a', obtainedAt: start }) }
  const concern = (token: string, url = 'https://api.example/accounts'): Concern => ({ source, token, url })
  return { clock, concern }
}

test('a token that was given up is so for ten seconds, at the origin that rejected it', () => {
  const { clock, concern } = setUpLater()
  const given = concern('given up')
  expect(isHopeless(given)).toBe(false)
  giveUp(given)
  expect(isHopeless(concern('given up', 'https://api.example/another'))).toBe(true)
  expect(isHopeless(concern('given up', 'https://other.example/accounts'))).toBe(false)
  expect(isHopeless(concern('another'))).toBe(false)
  clock.advance(9_999)
  expect(isHopeless(given)).toBe(true)
  clock.advance(1)
  expect(isHopeless(given)).toBe(false)
})

describe('of a thousand that were given up', () => {
  const full = () => {
    const { clock, concern } = setUpLater()
    const all = Array.from({ length: 1_000 }, (_, number) => concern(`token ${number}`))
    for (const one of all) giveUp(one)
    return { clock, concern, all }
  }

  test('none is forgotten, and with one more the first', () => {
    const { concern, all } = full()
    expect(all.filter(isHopeless)).toHaveLength(1_000)
    giveUp(concern('one more'))
    expect(all.filter(one => !isHopeless(one))).toEqual(all.slice(0, 1))
  })

  test('those whose time is over make room, and not one that was given up again', () => {
    const { clock, concern, all } = full()
    clock.advance(10_000)
    const again = all[1] as Concern
    giveUp(again)
    giveUp(concern('one more'))
    giveUp(concern('and another'))
    expect(isHopeless(again)).toBe(true)
  })
})

test('one that was given up again is the last to go, and takes no place from another', () => {
  const { clock, concern } = setUpLater()
  const all = Array.from({ length: 999 }, (_, number) => concern(`token ${number}`))
  for (const one of all) giveUp(one)
  clock.advance(5_000)
  const [again, second] = all as [Concern, Concern]
  giveUp(again)
  giveUp(concern('a thousand'))
  giveUp(again)
  expect(all.filter(one => !isHopeless(one))).toEqual([])
  giveUp(concern('one more'))
  expect(all.filter(one => !isHopeless(one))).toEqual([second])
})
