import { describe, expect, test } from 'vitest'
import {
  checkMembers,
  checkNumber,
  checkOptions,
  checkSecureUrl,
  checkText,
  isLoopback,
  optionError,
} from '../src/options.js'
import { refusal } from './answering.js'

test('an option error is a TypeError that names its option, first in the message too', () => {
  const cause = new Error('why')
  const error = optionError('scope', 'must be text', cause)
  expect(error).toBeInstanceOf(TypeError)
  expect(error).toMatchObject({ code: 'ERR_OPTION', option: 'scope', message: 'scope: must be text', cause })
  expect('cause' in optionError('scope', 'x')).toBe(false)
})

describe('checkOptions', () => {
  const check = (options: unknown) => checkOptions('make', options, ['clientId', 'scope'])

  test('takes an object of known members, and none', () => {
    expect(() => check({ clientId: 'a', scope: undefined })).not.toThrow()
    expect(() => check({})).not.toThrow()
  })

  for (const misspelt of ['clientID', 'client_id', 'client-id', 'CLIENTID'])
    test(`asks whether ${misspelt} is clientId`, () => {
      expect(refusal(() => check({ [misspelt]: 'a' }))).toMatchObject({
        option: misspelt,
        message: `${misspelt}: is not an option of make(); did you mean clientId?`,
      })
    })

  test.each([
    ['maxAge', 'maxAgeSeconds'],
    ['timeout', 'timeoutMs'],
    ['scopes', 'scope'],
    ['origin', 'origins'],
  ])('asks whether %s, without a unit or as several, is %s', (given, meant) => {
    const known = ['maxAgeSeconds', 'timeoutMs', 'scope', 'origins']
    expect(refusal(() => checkOptions('make', { [given]: 1 }, known)).message).toMatch(`did you mean ${meant}?`)
  })

  test('lists the options when it cannot guess', () => {
    expect(refusal(() => check({ retries: 3 })).message).toContain('options are clientId, scope')
  })

  for (const wrong of [undefined, null, 'text', 1, ['clientId']])
    test(`refuses ${JSON.stringify(wrong)} instead of an object`, () => {
      expect(refusal(() => check(wrong)).option).toBe('make()')
    })
})

test('checkMembers names a member with the option that it is of', () => {
  const check = (value: unknown) => checkMembers('tls', value, ['caFile'])
  expect(() => check({ caFile: 'x' })).not.toThrow()
  expect(refusal(() => check({ ca_file: 'x' }))).toMatchObject({
    option: 'tls.ca_file',
    message: 'tls.ca_file: is not an option of tls; did you mean tls.caFile?',
  })
  expect(refusal(() => check({ key: Promise.resolve() })).message).toBe('tls.key: is a promise; did you forget await?')
  expect(refusal(() => check('x')).option).toBe('tls')
})

test('a promise where a value belongs asks for the await that was forgotten', () => {
  const promise = Promise.resolve('secret-value')
  for (const [option, check] of [
    ['make()', () => checkOptions('make', promise, [])],
    ['scope', () => checkOptions('make', { scope: promise }, ['scope'])],
    ['scope', () => checkText('scope', promise)],
    ['least', () => checkNumber('least', promise, 0)],
  ] as const)
    expect(refusal(check)).toMatchObject({ option, message: `${option}: is a promise; did you forget await?` })
})

test('checkText refuses what is empty or no string, and shows no value', () => {
  expect(() => checkText('a', ' ')).not.toThrow()
  for (const wrong of ['', 0, null, undefined, {}, ['secret-value']])
    expect(refusal(() => checkText('a', wrong))).toMatchObject({
      option: 'a',
      message: expect.not.stringContaining('secret-value'),
    })
})

test('checkNumber refuses what is not finite, too small or no number', () => {
  expect(() => checkNumber('a', 0, 0)).not.toThrow()
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', null, undefined])
    expect(refusal(() => checkNumber('a', wrong, 0)).option).toBe('a')
})

describe('checkSecureUrl', () => {
  for (const url of ['https://a.example/x?y=z', 'http://localhost:8080/', 'http://127.0.0.1/', 'http://[::1]:3000/'])
    test(`takes ${url}`, () => {
      expect(checkSecureUrl('url', url).href).toBe(url)
    })

  for (const url of [
    'http://a.example/',
    'http://localhost.example/',
    'http://127.0.0.1.example/',
    'http://128.0.0.1/',
    'ftp://localhost/',
    'https://user@a.example/',
    'https://:password@a.example/',
    'https://a.example/#fragment',
    '/token',
    'a.example',
    '',
    undefined,
  ])
    test(`refuses ${url}`, () => {
      expect(refusal(() => checkSecureUrl('url', url)).option).toBe('url')
    })

  test('shows nothing of a URL it refuses', () => {
    const { message } = refusal(() => checkSecureUrl('url', 'https://user:marker@a.example/?key=marker'))
    expect(message).not.toMatch(/marker|a\.example/)
  })
})

test('knows this machine by every spelling a URL can have', () => {
  for (const url of ['http://127.1', 'http://0x7f.1', 'http://LOCALHOST', 'http://[0:0:0:0:0:0:0:1]'])
    expect(isLoopback(new URL(url).hostname)).toBe(true)
  for (const url of ['http://10.0.0.1', 'http://a.localhost', 'http://[::2]'])
    expect(isLoopback(new URL(url).hostname)).toBe(false)
})
