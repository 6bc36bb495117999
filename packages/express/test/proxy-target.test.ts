/** Where the proxy's requests may go, over a raw socket where a client would put the path in order first. */
import { describe, expect, test } from 'vitest'
import { locationOf, pathAtTarget, readTarget } from '../src/proxy/proxy-target.js'
import { versions } from './app.js'
import { Proxied } from './proxied.js'

const leaving = [
  '/api/..',
  '/api/../admin',
  '/api/a/../../admin',
  '/api/.',
  '/api/./a',
  '/api/%2e%2e/admin',
  '/api/%2E./admin',
  '/api/.%2e/admin',
  '/api/..%2fadmin',
  '/api/a%2f..%2f..%2fadmin',
  '/api/%2f..%2fadmin',
  '/api/%252e%252e/admin',
  '/api/%25252e%25252e%25252fadmin',
  `/api/%${'25'.repeat(5)}61`,
  `/api/%${'25'.repeat(7_000)}61`,
  '/api/..;/admin',
  '/api/..;a=b/admin',
  '/api/%2e%2e%3b/admin',
  '/api/..\\admin',
  '/api/a\\b',
  '/api/%5c..%5cadmin',
  '/api/..%5cadmin',
  '/api/%c0%ae%c0%ae/admin',
  '/api/%00',
  '/api/a%0d%0aHost:%20evil',
  '/api/%zz',
  '/api/%',
  '/api///evil.example/a',
  '/api/\\evil.example/a',
  '/api/\\\\evil.example/a',
  '/api/a#b',
  '/api/a\xe9',
  '/api/?a\xe9',
  'http://evil.example/api/a',
  'https://evil.example/api/a',
] as const

describe.each(versions)('%s', (_, express) => {
  test('asks the API for no path that could lead out of the target, or to another host', async () => {
    await using app = await Proxied.start({ express, path: '/v1' })

    for (const target of leaving) {
      const answer = await app.raw(`GET ${target} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n`)
      expect(answer, target).toMatch(/^HTTP\/1\.1 40[04] /)
    }

    expect(app.received).toEqual([])
  })
})

test.each([
  ['/a%2Fb/c', '/v1/a%2Fb/c'],
  ['/%C3%80/%E2%82%AC', '/v1/%C3%80/%E2%82%AC'],
  ['/a//b/', '/v1/a//b/'],
  ['/..a/a../...', '/v1/..a/a../...'],
  ["/a;v=1/@me/~a/!$&'()*+,=:", "/v1/a;v=1/@me/~a/!$&'()*+,=:"],
  ['/100%25', '/v1/100%25'],
  ['/%2525252561', '/v1/%2525252561'],
  ['/?next=../%2e%2e//evil.example&x=%', '/v1/?next=../%2e%2e//evil.example&x=%'],
  ['/a?b?c', '/v1/a?b?c'],
])('hands %s on as it came', (path, expected) => {
  expect(pathAtTarget(readTarget('https://api.example/v1'), path, false)).toBe(expected)
})

describe('a redirect of the API', () => {
  const v1 = readTarget('https://api.example/v1')
  const root = readTarget('https://api.example')
  const asked = 'https://api.example/v1/accounts/1'

  test.each([
    ['https://api.example/v1/next?a=1#b', '/shop/api/next?a=1#b'],
    ['/v1/next', '/shop/api/next'],
    ['2', '/shop/api/accounts/2'],
    ['//api.example/v1', '/shop/api'],
    ['HTTPS://API.EXAMPLE:443/v1/', '/shop/api/'],
  ])('to %s leads through the proxy', (location, expected) => {
    expect(locationOf(v1, location, asked, '/shop/api')).toBe(expected)
  })

  test.each([
    ['/login', 'https://api.example/login'],
    ['/v1/../admin', 'https://api.example/admin'],
    ['/v10/a', 'https://api.example/v10/a'],
    ['https://api.example:8443/v1/a', 'https://api.example:8443/v1/a'],
    ['http://api.example/v1/a', 'http://api.example/v1/a'],
    ['https://files.example/a?signature=1', 'https://files.example/a?signature=1'],
    ['//evil.example/v1', 'https://evil.example/v1'],
  ])('to %s leads the browser there, past the proxy', (location, expected) => {
    expect(locationOf(v1, location, asked, '/shop/api')).toBe(expected)
  })

  test('never becomes one to another host by its path', () => {
    for (const path of ['//evil.example', '/\\evil.example', '/%5cevil.example/..//evil.example'])
      expect(locationOf(root, `https://api.example${path}`, asked, '')).toMatch(/^(https:\/\/api\.example\/|\/[^\\/])/)
  })

  test.each(['javascript:alert(1)', 'data:text/html,x', 'https://', 'http://['])('to %s is dropped', location => {
    expect(locationOf(v1, location, asked, '/api')).toBeUndefined()
  })

  test('is handed back, not followed, and the token stays', async () => {
    await using app = await Proxied.start({
      path: '/v1',
      api: ({ url }, response) => {
        const location = url?.endsWith('/away') ? 'https://evil.example/steal' : '/v1/next'
        response.writeHead(302, { location }).end()
      },
    })

    const [within, away] = [await app.call('/api/here'), await app.call('/api/away')]

    expect([within.status, within.headers.location]).toEqual([302, '/api/next'])
    expect([away.status, away.headers.location]).toEqual([302, 'https://evil.example/steal'])
    expect(app.received).toHaveLength(2)
  })
})
