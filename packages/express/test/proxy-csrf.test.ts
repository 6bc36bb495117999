/** Calls that change something come from the app's own pages. */
import { describe, expect, test } from 'vitest'
import { versions } from './app.js'
import { Proxied } from './proxied.js'

const withoutHeader = { 'x-csrf': [] }

describe.each(versions)('%s', (_, express) => {
  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'])('refuses %s without the header', async method => {
    await using app = await Proxied.start({ express })

    const { status, text } = await app.call('/api/', { method, headers: withoutHeader })

    expect({ status, text }).toEqual({ status: 403, text: '{"error":"ERR_PROXY_CSRF"}' })
    expect(app.received).toEqual([])
  })

  test.each(['GET', 'OPTIONS'])('wants no header of %s', async method => {
    await using app = await Proxied.start({ express })

    expect((await app.call('/api/', { method, headers: withoutHeader })).status).toBe(200)
    expect(app.last.headers).not.toHaveProperty('x-csrf')
  })

  test.each([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://app.example' }, 200],
    [{ 'sec-fetch-site': 'none' }, 200],
    [{}, 200],
  ])('answers a POST with %j by %i', async (headers, expected) => {
    await using app = await Proxied.start({ express })

    const { status } = await app.call('/api/', { method: 'POST', headers, body: 'x' })

    expect(status).toBe(expected)
    expect(app.received).toHaveLength(expected === 200 ? 1 : 0)
  })

  test('compares the page’s origin where it is told the app’s', async () => {
    await using app = await Proxied.start({ express, pageOrigins: ['https://app.example', 'https://spa.example'] })
    const statusFrom = async (headers: Record<string, string>) =>
      (await app.call('/api/', { method: 'POST', headers })).status

    expect(await statusFrom({ origin: 'https://evil.example' })).toBe(403)
    expect(await statusFrom({ origin: 'https://app.example' })).toBe(200)
    expect(await statusFrom({ origin: 'https://spa.example', 'sec-fetch-site': 'same-site' })).toBe(200)
  })

  test('takes another header, or none', async () => {
    await using other = await Proxied.start({ express, csrfHeader: 'X-Requested-With' })
    await using none = await Proxied.start({ express, csrfHeader: false })

    expect((await other.call('/api/', { method: 'POST' })).status).toBe(403)
    expect((await other.call('/api/', { method: 'POST', headers: { 'x-requested-with': 'fetch' } })).status).toBe(200)
    expect(other.last.headers).not.toHaveProperty('x-requested-with')
    expect((await none.call('/api/', { method: 'POST', headers: withoutHeader })).status).toBe(200)
    expect((await none.call('/api/', { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403)
  })

  test('refuses TRACE, whose answer would show the token, and WebSockets', async () => {
    await using app = await Proxied.start({ express })

    const trace = await app.call('/api/', { method: 'TRACE' })
    const upgrade = await app.raw(
      'GET /api/ HTTP/1.1\r\nHost: app\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n',
    )

    expect([trace.status, trace.text]).toEqual([405, '{"error":"ERR_PROXY_METHOD"}'])
    expect(upgrade).toMatch(/^HTTP\/1\.1 501 [\s\S]*{"error":"ERR_PROXY_UPGRADE"}$/)
    expect(app.received).toEqual([])
  })
})
