import { describe, expect, test } from 'vitest'
import { cookiesOf, everyCookieOf, setCookie } from '../src/cookie.js'
import { askWith } from './asking.js'

const requestWith = (cookie: string | undefined) => ({ headers: { cookie } })

describe('the cookies of a request', () => {
  test('are read by name, whatever is around them', () => {
    const cookies = cookiesOf(requestWith('a=1; b="quoted" ;; c=x=y;d; __proto__=p; =nameless; e=%E2%82%AC; f=%zz'))
    expect(Object.fromEntries([...cookies].filter(([name]) => name !== '__proto__'))).toMatchObject({
      a: '1',
      c: 'x=y',
      e: '€',
      f: '%zz',
    })
    expect(cookies.get('__proto__')).toBe('p')
    expect(cookiesOf(requestWith(undefined)).size).toBe(0)
  })

  test('of one name are all to be had, the first by its name', () => {
    const request = requestWith('s=first; other=1; s=second;s=')
    expect(cookiesOf(request).get('s')).toBe('first')
    expect(everyCookieOf(request, 's')).toEqual(['first', 'second', ''])
    expect(everyCookieOf(request, 'toString')).toEqual([])
  })

  test('are read once', () => {
    const request = requestWith('a=1')
    expect(cookiesOf(request)).toBe(cookiesOf(request))
  })
})

describe('a cookie that is set', () => {
  const attributes = { path: '/', httpOnly: true, secure: true, sameSite: 'lax' } as const

  test('stands beside those of others, and once', async () => {
    const { headers } = await askWith((_request, response) => {
      response.setHeader('Set-Cookie', 'theirs=1; Path=/')
      setCookie(response, 'ours', 'first', attributes)
      setCookie(response, 'ours2', 'x', attributes)
      setCookie(response, 'ours', 'a.b-c_d', { ...attributes, maxAge: 60 })
      response.end()
    }, {})
    expect(headers['set-cookie']).toEqual([
      'theirs=1; Path=/',
      'ours2=x; Path=/; HttpOnly; Secure; SameSite=Lax',
      'ours=a.b-c_d; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax',
    ])
  })

  test('is an error once the answer has begun, and says so', async () => {
    const thrown: unknown[] = []
    await askWith((_request, response) => {
      response.write('begun')
      try {
        setCookie(response, 'ours', 'x', attributes)
      } catch (error) {
        thrown.push(error)
      }
      response.end()
    }, {})
    expect(thrown).toEqual([expect.objectContaining({ code: 'ERR_SESSION', reason: 'headers_sent' })])
  })

  test('is an error where browsers would drop it, shows none of it, and is taken up to there', async () => {
    const thrown: unknown[] = []
    const { headers } = await askWith((_request, response) => {
      setCookie(response, 'name', 'm'.repeat(4_092), attributes)
      try {
        setCookie(response, 'other', 'm'.repeat(4_092), attributes)
      } catch (error) {
        thrown.push(error)
      }
      response.end()
    }, {})
    expect([headers['set-cookie'] ?? []].flat().map(cookie => cookie.slice(0, 5))).toEqual(['name='])
    expect(thrown).toEqual([expect.objectContaining({ code: 'ERR_SESSION', reason: 'cookie_too_large' })])
    expect(String(thrown[0])).toMatch(/4097 bytes.*4096/)
    expect(String(thrown[0])).not.toContain('mmm')
  })
})
