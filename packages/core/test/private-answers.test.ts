import { expect, test } from 'vitest'
import { cacheFor, wholeCache } from '../src/kit.js'

type Part = Pick<Map<string, unknown>, 'get' | 'set' | 'delete'>

test('each credential has a part of a cache that no other reads', () => {
  const cache = new Map<string, unknown>()
  const [ann, bob] = ['Bearer secret-ann', 'Bearer secret-bob'].map(one => cacheFor(one, cache) as Part)
  ann?.set('GET:https://api.example/', 'of ann')
  expect(cacheFor('Bearer secret-ann', cache)).toMatchObject({ get: expect.any(Function) })
  expect((cacheFor('Bearer secret-ann', cache) as Part).get('GET:https://api.example/')).toBe('of ann')
  expect([bob?.get('GET:https://api.example/'), cache.get('GET:https://api.example/')]).toEqual([undefined, undefined])
  ann?.delete('GET:https://api.example/')
  expect(cache.size).toBe(0)
})

test('its keys show nothing of the credential', () => {
  const cache = new Map<string, unknown>()
  const part = cacheFor('Bearer secret-ann', cache) as Part
  part.set('key', 1)
  expect([...cache.keys()].join()).not.toContain('secret')
})

test('a part of a part is one of the whole', () => {
  const cache = new Map<string, unknown>()
  const ann = cacheFor('Bearer secret-ann', cache)
  expect([wholeCache(ann), wholeCache(cacheFor('Bearer secret-bob', ann)), wholeCache(cache)]).toEqual([
    cache,
    cache,
    cache,
  ])
})

test('what is no cache has no parts', () => {
  for (const none of ['redis://127.0.0.1', undefined, null, {}]) {
    expect(cacheFor('Bearer secret-ann', none)).toBeUndefined()
    expect(wholeCache(none)).toBe(none)
  }
})
