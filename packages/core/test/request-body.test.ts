import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { isRepeatableBody } from '../src/kit.js'

/** What polyfills and other realms make: no instance of our class, but tagged as one. */
class FormDataOfAnotherRealm {
  readonly [Symbol.toStringTag] = 'FormData'
}

const repeatable: [name: string, body: unknown][] = [
  ['no body', undefined],
  ['null', null],
  ['a text', '{}'],
  ['an empty text', ''],
  ['bytes', Buffer.from('{}')],
  ['a view', new DataView(new ArrayBuffer(2))],
  ['an ArrayBuffer', new ArrayBuffer(2)],
  ['a SharedArrayBuffer', new SharedArrayBuffer(2)],
  ['a Blob', new Blob(['{}'])],
  ['a File', new File(['{}'], 'order.json')],
  ['a FormData', new FormData()],
  ['a FormData of another realm', new FormDataOfAnotherRealm()],
  ['URLSearchParams', new URLSearchParams({ a: 'b' })],
]

const unrepeatable: [name: string, body: unknown][] = [
  ['a stream of Node', Readable.from(['{}'])],
  ['a stream of the web', new Blob(['{}']).stream()],
  [
    'an asynchronous iterator',
    (async function* () {
      yield '{}'
    })(),
  ],
  [
    'an iterator',
    (function* () {
      yield '{}'
    })(),
  ],
  // the form-data package's forms: tagged as a FormData, and streams all the same
  ['a form that is a stream', Object.assign(new FormDataOfAnotherRealm(), { pipe() {} })],
  ['an object nobody knows', { toString: () => '{}' }],
  ['a function', () => '{}'],
  ['a number', 1],
]

test.each(repeatable)('%s can be sent again', (_, body) => {
  expect(isRepeatableBody(body)).toBe(true)
})

test.each(unrepeatable)('%s cannot be sent again', (_, body) => {
  expect(isRepeatableBody(body)).toBe(false)
})
