import { describe, expect, test } from 'vitest'
import { type NextHop, nextHop } from '../src/kit.js'

const here = 'https://api.example.com/orders?page=2'

function follow(method: string, status: number, location: string | null = '/next', repeatable = true) {
  return nextHop({ method, url: here, repeatable }, { status, location }) as NextHop
}

describe('what is no redirect', () => {
  test.each([200, 300, 304, 305, 306, 401])('%i', status => {
    expect(follow('GET', status)).toBeUndefined()
  })

  test.each([301, 302, 303, 307, 308])('%i without a Location', status => {
    expect(follow('GET', status, null)).toBeUndefined()
  })
})

describe('the method', () => {
  test.each([
    [301, 'GET', 'GET'],
    [301, 'HEAD', 'HEAD'],
    [301, 'POST', 'GET'],
    [301, 'PUT', 'PUT'],
    [302, 'POST', 'GET'],
    [302, 'DELETE', 'DELETE'],
    [303, 'GET', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'DELETE', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'PUT', 'PUT'],
  ])('after %i of %s is %s', (status, method, expected) => {
    expect(follow(method, status).method).toBe(expected)
  })

  test('that becomes GET leaves the body and what describes it behind', () => {
    const { dropsBody, droppedHeaders } = follow('POST', 303)
    expect(dropsBody).toBe(true)
    expect(droppedHeaders).toEqual([
      'content-encoding',
      'content-language',
      'content-length',
      'content-location',
      'content-type',
    ])
  })

  test('that stays keeps both', () => {
    expect(follow('POST', 307)).toMatchObject({ dropsBody: false, droppedHeaders: [] })
  })
})

describe('the target', () => {
  test.each([
    ['/next', 'https://api.example.com/next'],
    ['next', 'https://api.example.com/next'],
    ['?page=3', 'https://api.example.com/orders?page=3'],
    ['', here],
    ['//other.example.com/', 'https://other.example.com/'],
    ['http://api.example.com:443/', 'http://api.example.com:443/'],
    // UTF-8 as a header has it
    ['/caf\u00c3\u00a9', 'https://api.example.com/caf%C3%A9'],
  ])('of %s', (location, expected) => {
    expect(follow('GET', 302, location).url).toBe(expected)
  })

  test.each([
    ['https://api.example.com/', false],
    ['https://api.example.com:443/', false],
    ['http://api.example.com/', true],
    ['https://api.example.com:8443/', true],
    ['https://www.example.com/', true],
  ])('%s is another origin: %s', (location, expected) => {
    expect(follow('GET', 302, location).leavesOrigin).toBe(expected)
  })

  test('at another origin gets none of the credentials of the caller', () => {
    const { droppedHeaders } = follow('GET', 302, 'https://www.example.com/')
    expect(droppedHeaders).toEqual(['authorization', 'cookie', 'dpop', 'host', 'proxy-authorization'])
  })

  test.each([
    ['https://', 'a redirect to what is no URL'],
    ['https://[::1', 'a redirect to what is no URL'],
    ['data:text/plain,hello', 'a redirect to what is not HTTP'],
    ['file:///etc/passwd', 'a redirect to what is not HTTP'],
    ['wss://api.example.com/', 'a redirect to what is not HTTP'],
  ])('%s is none', (location, problem) => {
    expect(follow('GET', 302, location)).toEqual({ problem })
  })
})

describe('a body that cannot be sent twice', () => {
  const problem = 'a redirect of a stream, which cannot be sent twice'

  test.each([301, 302, 307, 308])('cannot follow %i', status => {
    expect(follow('POST', status, '/next', false)).toEqual({ problem })
  })

  test('stays behind at a 303', () => {
    expect(follow('POST', 303, '/next', false)).toMatchObject({ method: 'GET', dropsBody: true })
  })

  test('cannot follow a 303 that keeps it', () => {
    expect(follow('GET', 303, '/next', false)).toEqual({ problem })
  })
})
