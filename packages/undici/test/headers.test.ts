import { describe, expect, test } from 'vitest'
import { copies } from './copies.js'
import { accepting } from './recording-server.js'
import { setUp } from './setup.js'

function* once(): Generator<[string, string]> {
  yield ['X-Own', 'own']
  yield ['X-Own', 'too']
}

/** Each with `X-Own: own, too`. */
const forms: Readonly<Record<string, () => object>> = {
  'an object': () => ({ 'X-Own': ['own', 'too'] }),
  'an object without a prototype': () => Object.assign(Object.create(null), { 'X-Own': ['own', 'too'] }),
  'a flat list': () => ['X-Own', 'own', 'X-Own', 'too'],
  'a Map': () => new Map([['X-Own', ['own', 'too']]]),
  Headers: () =>
    new Headers([
      ['X-Own', 'own'],
      ['X-Own', 'too'],
    ]),
  'an iterator that runs once': () => once(),
}

for (const copy of copies)
  describe(copy.name, () => {
    for (const [name, headers] of Object.entries(forms))
      test(`${name} keeps its headers, and again when the request is sent once more`, async () => {
        const { api, undici, dispatcher } = await setUp(copy, accepting('secret-token-2'))
        const { statusCode } = await undici.request(`${api.origin}/`, { dispatcher, headers: headers() as never })
        expect(statusCode).toBe(200)
        expect(api.requests.map(({ headers }) => headers['x-own'])).toEqual(['own, too', 'own, too'])
      })

    for (const [name, headers] of Object.entries({
      'an object': { AUTHORIZATION: 'Basic b3du' },
      'a flat list': ['AUTHORIZATION', 'Basic b3du'],
      'a Map': new Map([['AUTHORIZATION', 'Basic b3du']]),
    }))
      test(`an Authorization of the caller's own in ${name} stays alone`, async () => {
        const { api, server, undici, dispatcher } = await setUp(copy)
        await undici.request(`${api.origin}/`, { dispatcher, headers: headers as never })
        expect(api.bytes().match(/authorization: .*/gi)).toEqual(['AUTHORIZATION: Basic b3du'])
        expect(server.requests).toBe(0)
      })

    test('an Authorization that is undefined is none', async () => {
      const { api, undici, dispatcher } = await setUp(copy)
      await undici.request(`${api.origin}/`, { dispatcher, headers: { authorization: undefined } })
      expect(api.requests[0]?.headers.authorization).toBe('Bearer secret-token-1')
    })

    test('the options of a request are not changed', async () => {
      const { api, undici, dispatcher } = await setUp(copy, accepting('secret-token-2'))
      const options = Object.freeze({ dispatcher, headers: Object.freeze({ a: 'b' }) })
      await undici.request(`${api.origin}/`, options)
      expect(options.headers).toEqual({ a: 'b' })
    })
  })
