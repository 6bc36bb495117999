/** A refresh token that came with an answer that is refused, whatever is wrong with it. */
import http from 'node:http'
import net from 'node:net'
import { inspect } from 'node:util'
import zlib from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { requestTokenSet } from '../src/endpoints/token.js'
import { authorizationCode } from '../src/grants/authorization-code.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import type { Grant } from '../src/grants/grant.js'
import { refreshToken } from '../src/grants/refresh-token.js'
import type { Conform } from '../src/provider.js'
import { rescuedFrom } from '../src/rescue.js'
import { createTransport, type Transport } from '../src/transport.js'
import { type Answer, answering, clientOf, failure, provider } from './answering.js'

const now = 1_760_000_000_000
const clock = { now: () => now }
const refresh = refreshToken({ refreshToken: 'rt-1' })
const good = { access_token: 'marker-at', token_type: 'Bearer', expires_in: 60, refresh_token: 'rt-2' }

/** What is rescued of an answer, and the error it is refused with. */
async function rescued(answer: Answer, { conform, grant = refresh }: { conform?: Conform; grant?: Grant } = {}) {
  const { transport, requests } = answering(answer)
  const error = await failure(requestTokenSet(clientOf(transport, { provider: provider(conform), clock }), grant))
  expect(requests).toHaveLength(1)
  expect(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toMatch(/rt-2|marker/)
  return { error, token: rescuedFrom(error)?.refreshToken }
}

describe('a new refresh token is rescued from an answer whose', () => {
  const odd: readonly [member: string, members: object, message: string][] = [
    ['ID token is false', { id_token: false }, 'id_token is a boolean; expected a string'],
    ['ID token is a number', { id_token: 7 }, 'id_token is a number; expected a string'],
    ['ID token is a list', { id_token: ['marker'] }, 'id_token is an array; expected a string'],
    ['ID token holds a line break', { id_token: 'marker\n' }, 'id_token is a string with characters'],
    ['token type is another', { token_type: 'marker' }, 'token_type is another'],
    ['token type is missing', { token_type: undefined }, 'token_type is missing'],
    ['token type is a list', { token_type: ['Bearer'] }, 'token_type is an array'],
    ['access token is missing', { access_token: undefined }, 'access_token is missing'],
    ['access token is null', { access_token: null }, 'access_token is missing'],
    ['access token is an object', { access_token: { value: 'marker' } }, 'access_token is an object'],
    ['access token holds a blank', { access_token: 'marker at' }, 'access_token is a string with characters'],
    ['error says something', { error: 'marker_not' }, ''],
    ['error is an object', { error: { code: 5 } }, 'refused with 200 (5)'],
  ]
  for (const [member, members, message] of odd)
    test(member, async () => {
      const { transport } = answering({ body: { ...good, ...members } })
      const error = await failure(requestTokenSet(clientOf(transport, { clock }), refresh))
      expect(rescuedFrom(error)).toEqual({
        refreshToken: 'rt-2',
        refreshTokenExpiresAt: undefined,
        obtainedAt: now,
      })
      expect(error.message).toContain(message)
    })

  test('scope and lifetimes are odd, too: those refuse nothing', async () => {
    const members = { scope: 42, expires_in: {}, refresh_expires_in: [], refresh_token_expires_in: 'soon' }
    const { transport } = answering({ body: { ...good, ...members } })
    const tokenSet = await requestTokenSet(clientOf(transport), refresh)
    expect(tokenSet).toMatchObject({ refreshToken: 'rt-2', scope: undefined, expiresAt: undefined })
  })

  for (const status of [301, 307, 400, 401, 403, 429, 500, 503])
    test(`status is ${status}`, async () => {
      const { token, error } = await rescued({ status, body: good })
      expect(token).toBe('rt-2')
      expect(error).toMatchObject({ serverStatus: status })
    })
})

test('how long it lives is rescued with it', async () => {
  const { transport } = answering({ body: { ...good, id_token: 1, refresh_token_expires_in: '3600' } })
  const error = await failure(requestTokenSet(clientOf(transport, { clock }), refresh))
  expect(rescuedFrom(error)).toMatchObject({ refreshTokenExpiresAt: now + 3_600_000 })
})

describe('a new refresh token is rescued from text that is no JSON object:', () => {
  const json = JSON.stringify(good)
  const bodies: Readonly<Record<string, unknown>> = {
    'cut off behind it': json.slice(0, -1),
    'cut off before the access token': '{"refresh_token":"rt-2","access_tok',
    'cut off, its slashes escaped': '{"refresh_token":"rt\\u002d2","acc',
    'text behind': `${json}\n<!-- served by proxy -->`,
    'text before': `)]}',\n${json}`,
    'a call around': `callback(${json})`,
    'two objects': `{"ok":true}${json}`,
    'the old one first': `{"refresh_token":"rt-1",${json.slice(1)};`,
    'single quotes': "{'access_token': 'a', 'refresh_token': 'rt-2'}",
    'a list around': [good],
    'an object around': { data: { tokens: good } },
    'JSON in a string': JSON.stringify(json),
    'other names': { accessToken: 'at', refreshToken: 'rt-2' },
    'a form': 'access_token=marker&refresh_token=rt%2D2&token_type=bearer',
    XML: '<?xml version="1.0"?><OAuth><access_token>a</access_token><refresh_token>rt-2</refresh_token></OAuth>',
    'a byte order mark and a comma too many': `\ufeff${json.slice(0, -1)},}`,
    'UTF-16, cut off': Buffer.from(`\ufeff${json.slice(0, -1)}`, 'utf16le'),
    'a status of its own, with token': { code: 0, access_token: 7, refresh_token: 'rt-2' },
  }
  for (const [name, body] of Object.entries(bodies))
    test(name, async () => {
      expect((await rescued({ body })).token).toBe('rt-2')
    })

  test('the last of two members, as JSON.parse has it', async () => {
    const body = '{"token_type":"N_A","access_token":"a","refresh_token":"rt-0","refresh_token":"rt-2"'
    expect((await rescued({ body: `${body}}` })).token).toBe('rt-2')
    expect((await rescued({ body })).token).toBe('rt-2')
  })

  test('JSON where a form was expected', async () => {
    const conform: Conform = { responseEncoding: 'form' }
    expect((await rescued({ body: { ...good, id_token: 1 } }, { conform })).token).toBe('rt-2')
    expect((await rescued({ body: 'access_token=a&refresh_token=rt-2' }, { conform })).token).toBe('rt-2')
  })
})

describe('a mapping', () => {
  test('that throws loses nothing under the RFC’s name', async () => {
    const mapTokenResponse: Conform['mapTokenResponse'] = body => ({ access_token: Object(body).data.token.text })
    const { token, error } = await rescued(
      { body: { data: { refresh_token: 'rt-2' } } },
      { conform: { mapTokenResponse } },
    )
    expect(token).toBe('rt-2')
    expect(error.message).toContain('expected what mapTokenResponse() can read')
  })

  test('is asked first, since it knows other names', async () => {
    const mapTokenResponse: Conform['mapTokenResponse'] = body => ({
      access_token: Object(body).t,
      refresh_token: Object(body).r,
    })
    const conform = { mapTokenResponse }
    expect((await rescued({ body: { t: 'at', r: 'rt-2', refresh_token: 'rt-0' } }, { conform })).token).toBe('rt-2')
    expect((await rescued({ status: 500, body: { t: 'at', r: 'rt-2' } }, { conform })).token).toBe('rt-2')
  })
})

describe('nothing is rescued', () => {
  const none: Readonly<Record<string, Answer>> = {
    'from an echo of what was sent': { status: 400, body: { error: 'invalid_grant', refresh_token: 'rt-1' } },
    'from a complaint about the field': {
      status: 400,
      body: { refresh_token: 'This field is required in version 2.' },
    },
    'from a complaint in a list': { status: 422, body: { errors: { refresh_token: ['is 1 of 2'] } } },
    'from one word about it': { status: 400, body: { error: 'x', refresh_token: 'invalid' } },
    'from a masked one': { status: 400, body: { error: 'invalid_grant', refresh_token: 'rt-2****' } },
    'from a page about it': { body: '<p>Send {"refresh_token": "your token"}</p>' },
    'from half of one': { body: '{"access_token":"a","refresh_token":"rt-' },
    'from one that is no string': { body: { ...good, refresh_token: 42 } },
    'from one that no token could be': { body: { ...good, refresh_token: 'a\nb' } },
    'from a blank one': { body: { token_type: 'x', access_token: 'a', refresh_token: ' ' } },
    'from an answer that brings none': { body: { access_token: 'a', token_type: 'N_A' } },
  }
  for (const [name, answer] of Object.entries(none))
    test(name, async () => {
      expect((await rescued(answer)).token).toBeUndefined()
    })

  test('for an application, which asks again', async () => {
    expect((await rescued({ body: { ...good, id_token: 1 } }, { grant: clientCredentials() })).token).toBeUndefined()
  })

  test('from an answer nested beyond reason, which is refused all the same', async () => {
    const deep = `${'{"error":'.repeat(50_000)}1${'}'.repeat(50_000)}`
    expect((await rescued({ status: 500, body: deep })).token).toBeUndefined()
    expect((await rescued({ body: deep })).token).toBeUndefined()
  })
})

test('with a code, too, the refresh token is rescued: it is good once', async () => {
  expect((await rescued({ body: { ...good, id_token: 1 } }, { grant: authorizationCode({ code: 'c' }) })).token).toBe(
    'rt-2',
  )
})

test('a request is not repeated when its answer brought a refresh token', async () => {
  const { transport, requests } = answering(
    { status: 400, body: { ...good, error: 'invalid_request' } },
    { body: good },
  )
  const conform: Conform = { classifyError: () => 'stale_assertion' }
  const error = await failure(requestTokenSet(clientOf(transport, { provider: provider(conform) }), refresh))
  expect([requests.length, rescuedFrom(error)?.refreshToken]).toEqual([1, 'rt-2'])
})

test('a refusal that no hook can classify is refused as the RFC has it', async () => {
  const classifyError: Conform['classifyError'] = ({ body }) => Object(body).no.such.member
  const { token, error } = await rescued(
    { status: 400, body: { error: 'invalid_grant', ...good } },
    { conform: { classifyError } },
  )
  expect([token, error.kind]).toEqual(['rt-2', 'invalid_grant'])
})

describe('of an answer that did not come whole', () => {
  const json = JSON.stringify(good)

  /** What is rescued when a real server writes these bytes and goes. */
  async function rescuedFromWire(
    bytes: Buffer | string,
    { timeoutMs = 30_000, stays = false, maxResponseBytes = 10_000 } = {},
  ) {
    const server = net.createServer(socket => {
      socket.on('error', () => {})
      socket.once('data', () => (stays ? socket.write(bytes) : socket.end(bytes)))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const made = createTransport({ proxy: false, timeoutMs, maxResponseBytes })
    onTestFinished(async () => {
      await made.close()
      server.close()
    })
    const { port } = server.address() as net.AddressInfo
    const transport: Transport = request => made({ ...request, url: `http://127.0.0.1:${port}/token` })
    const error = await failure(requestTokenSet(clientOf(transport, { clock }), refresh))
    expect(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toMatch(/rt-2|marker/)
    return { error, token: rescuedFrom(error)?.refreshToken }
  }
  const head = (length: number | string, more = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n${more}\r\n`

  test('it is rescued from a body shorter than its Content-Length', async () => {
    const { error, token } = await rescuedFromWire(head(500) + json)
    expect([error.code, token]).toEqual(['ERR_TRANSPORT', 'rt-2'])
  })

  test('it is rescued when its closing quote arrived, and not before', async () => {
    expect((await rescuedFromWire(`${head(500)}{"refresh_token":"rt-2"`)).token).toBe('rt-2')
    expect((await rescuedFromWire(`${head(500)}{"refresh_token":"rt-2`)).token).toBeUndefined()
    expect((await rescuedFromWire(`${head(500)}refresh_token=rt-2&x`)).token).toBe('rt-2')
    expect((await rescuedFromWire(`${head(500)}access_token=a&refresh_token=rt-2`)).token).toBeUndefined()
  })

  test('it is rescued from chunks without an end', async () => {
    const chunk = `${json.length.toString(16)}\r\n${json}\r\n`
    const { token } = await rescuedFromWire(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`)
    expect(token).toBe('rt-2')
  })

  test('it is rescued from a body that is not chunked as its head says', async () => {
    const { error, token } = await rescuedFromWire(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${json}`)
    expect([error.code, token]).toEqual(['ERR_TRANSPORT', 'rt-2'])
  })

  test('it is rescued when the deadline comes first', async () => {
    const { error, token } = await rescuedFromWire(head(500) + json, { stays: true, timeoutMs: 100 })
    expect([error.code, token]).toEqual(['ERR_TRANSPORT_TIMEOUT', 'rt-2'])
  })

  test('it is rescued from the part of a body that is too large', async () => {
    const { error, token } = await rescuedFromWire(head(20_000) + json + 'x'.repeat(15_000))
    expect([error.code, token]).toEqual(['ERR_TOKEN_RESPONSE', 'rt-2'])
  })

  test('it is rescued from the part of a compressed body that came', async () => {
    const long = JSON.stringify({ ...good, padding: Array.from({ length: 200 }, (_, index) => index * 7919) })
    for (const [name, bytes] of [
      ['gzip', zlib.gzipSync(long)],
      ['br', zlib.brotliCompressSync(long)],
      ['deflate', zlib.deflateRawSync(long)],
    ] as const) {
      const part = bytes.subarray(0, -20)
      const start = Buffer.from(head(bytes.length, `Content-Encoding: ${name}\r\n`))
      expect([name, (await rescuedFromWire(Buffer.concat([start, part]))).token]).toEqual([name, 'rt-2'])
    }
  })

  test('it is rescued from a compressed body that is damaged at its end, or grows too large', async () => {
    const damaged = zlib.gzipSync(json)
    damaged.fill(0, damaged.length - 8)
    const bomb = zlib.gzipSync(json + ' '.repeat(50_000))
    for (const bytes of [damaged, bomb]) {
      const { error, token } = await rescuedFromWire(
        Buffer.concat([Buffer.from(head(bytes.length, 'Content-Encoding: gzip\r\n')), bytes]),
      )
      expect([error.code, token]).toEqual(['ERR_TOKEN_RESPONSE', 'rt-2'])
    }
  })

  test('it is rescued through a transport that wraps the default one in errors of its own', async () => {
    const server = http.createServer((_, response) => {
      response.writeHead(200, { 'content-length': 500 }).write(json, () => response.destroy())
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const made = createTransport({ proxy: false })
    onTestFinished(async () => {
      await made.close()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`
    const transport: Transport = request =>
      made({ ...request, url }).catch(cause => {
        throw new Error('wrapped', { cause })
      })
    const error = await failure(requestTokenSet(clientOf(transport, { clock }), refresh))
    expect([error.code, rescuedFrom(error)?.refreshToken]).toEqual(['ERR_TRANSPORT', 'rt-2'])
  })
})
