import { request } from 'node:http'
import { type Sandbox, startSandbox } from '@grantkit/sandbox'
import { describe, expect, test } from 'vitest'
import { type AppOptions, startApp } from '../src/app/app.js'
import { eventOf, eventsOf } from './page-events.js'

describe('the page', () => {
  test('comes with a policy that allows nothing inline and nothing from elsewhere, and holds to it', async () => {
    await using app = await open()

    const response = await fetch(app.url)
    const html = await response.text()

    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('x-powered-by')).toBeNull()
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?:/)
    const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path ?? '')
    expect(new Set(files)).toEqual(new Set(['/bank', '/icon.svg', '/page.css', '/page.js']))
    for (const file of files) expect((await fetch(new URL(file, app.url))).status, file).toBe(200)
  })
})

describe('its port', () => {
  test('is the one asked for, so that an old tab finds it again', async () => {
    const first = await open()
    const port = Number(new URL(first.url).port)
    await first[Symbol.asyncDispose]()

    await using again = await open({ port })

    expect(again.url).toBe(first.url)
    expect(again.elsewhere).toBeUndefined()
  })

  test('is another when that one is taken, which is said', async () => {
    await using first = await open()
    const port = Number(new URL(first.url).port)

    await using second = await open({ port })

    expect(second.elsewhere).toBe(`port ${port} is taken`)
    expect(second.url).not.toBe(first.url)
    expect((await fetch(second.url)).status).toBe(200)
  })
})

describe('who may ask', () => {
  test('is answered when they ask for a loopback name, and refused when another name led them here', async () => {
    await using app = await open()
    const { port } = new URL(app.url)

    for (const name of ['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]'])
      expect(await statusFor(app.url, { host: `${name}:${port}` }), name).toBe(200)
    for (const host of ['rebound.example', `127.0.0.1.rebound.example:${port}`, `localhost.rebound.example:${port}`])
      expect(await statusFor(app.url, { host }), host).toBe(421)
  })

  test('a POST without the header of our own page changes nothing', async () => {
    await using app = await open()
    const before = app.sandbox.wso2Apk.requests.length

    const response = await fetch(new URL('/cards/4/calls/axios', app.url), { method: 'POST' })

    expect(response.status).toBe(403)
    expect(app.sandbox.wso2Apk.requests).toHaveLength(before)
  })

  test('a GET calls nothing', async () => {
    await using app = await open()

    expect((await fetch(new URL('/cards/4/burst', app.url))).status).toBe(404)
  })
})

describe('a card', () => {
  test.each([1, 2, 3, 4, 5, 6])('%i calls its API through every HTTP client, on one token', async row => {
    await using app = await open()
    const { clients } = await app.card(row)

    for (const client of clients)
      expect(await app.post(row, `calls/${client}`)).toMatchObject({ body: { status: 200 } })

    expect(clients).toEqual(['axios', 'got', 'undici', 'fetch'])
    expect(await app.card(row)).toMatchObject({ tokenRequests: 1 })
  })

  test.each([1, 2, 3, 4, 5, 6])('%i: 100 calls with a token that has ended cause one token request', async row => {
    await using app = await open()
    await app.post(row, 'calls/axios')
    const before = await app.card(row)

    expect((await app.post(row, 'expire')).body).toEqual({ ended: true })
    expect(await app.card(row)).toMatchObject({ endedAtServer: true })
    const { body } = await app.post(row, 'burst')

    expect(body).toMatchObject({ outcomes: { 200: 100 }, tokenRequests: 1 })
    const after = await app.card(row)
    expect(after).toMatchObject({ endedAtServer: false, lastRenewal: { why: 'the API rejected the last one' } })
    expect(after.tokenRequests).toBe(before.tokenRequests + 1)
  })

  test('causes one token request by 100 calls without a token, and none by 100 more', async () => {
    await using app = await open()

    expect((await app.post(4, 'burst')).body).toMatchObject({ outcomes: { 200: 100 }, tokenRequests: 1 })
    expect((await app.post(4, 'burst')).body).toMatchObject({ outcomes: { 200: 100 }, tokenRequests: 0 })
    expect(app.sandbox.wso2Apk.requests.filter(({ kind }) => kind === 'token')).toHaveLength(1)
    expect(app.sandbox.wso2Apk.requests.filter(({ kind }) => kind === 'api')).toHaveLength(200)
  })

  test('ends its own token alone, and none when it holds none', async () => {
    await using app = await open()
    await app.post(1, 'calls/axios')

    expect((await app.post(2, 'expire')).body).toEqual({ ended: true })
    expect((await app.post(6, 'expire')).body).toEqual({ ended: false })

    const ended = (await app.cards()).filter(({ endedAtServer }) => endedAtServer).map(({ row }) => row)
    expect(ended).toEqual([2])
  })
})

describe('an outage', () => {
  test('leaves a held token in use, fails calls that need another with 503, and ends by itself', async () => {
    const outage = byHand()
    await using app = await open({ schedule: outage.schedule })
    await app.post(4, 'calls/axios')

    expect((await app.post(4, 'fail')).body).toEqual({ forMs: 10_000 })
    expect(outage.delays).toEqual([10_000])
    expect((await app.post(4, 'calls/axios')).status).toBe(200)
    await app.post(4, 'expire')
    const failed = await app.post(4, 'calls/got')
    expect(failed).toMatchObject({ status: 503, body: { error: 'ERR_SERVER_REFUSED' } })
    expect(Number(failed.retryAfter)).toBeGreaterThan(0)
    expect(await app.card(4)).toMatchObject({
      outageUntil: expect.any(Number),
      endedAtServer: false,
      lastRenewal: { failure: '503' },
    })

    outage.end()
    app.sandbox.advance(10_000) // the rest the server asked for
    expect(await app.post(4, 'calls/got')).toMatchObject({ status: 200, body: { status: 200 } })
    expect(await app.card(4)).not.toHaveProperty('outageUntil')
  })

  test('spares a server that rests: 100 calls, no token request', async () => {
    const outage = byHand()
    await using app = await open({ schedule: outage.schedule })
    await app.post(6, 'fail')
    await app.post(6, 'calls/axios')

    const { body } = await app.post(6, 'burst')

    expect(body).toMatchObject({ outcomes: { ERR_SERVER_REFUSED: 100 }, tokenRequests: 0 })
  })

  test('is shown by every card whose tokens come from that server', async () => {
    const outage = byHand()
    await using app = await open({ schedule: outage.schedule })

    await app.post(3, 'fail')

    const failing = (await app.cards()).filter(({ outageUntil }) => outageUntil !== undefined).map(({ row }) => row)
    expect(failing).toEqual([1, 2, 3])
  })
})

describe('the log', () => {
  test('tells a rejected call in order: what the server received, what GrantKit did, what the app got', async () => {
    await using app = await open()
    await app.post(4, 'calls/axios')
    await app.post(4, 'expire')
    const { length } = await app.log()

    await app.post(4, 'calls/axios')

    const lines = (await app.log()).slice(length).map(({ from, text, outcome }) => [from, text, outcome])
    expect(lines).toEqual([
      ['server', expect.stringMatching(/^GET \/.*, token #\w{6}$/), '401'],
      ['grantkit', 'asks for a token (client_credentials): the API rejected the last one', undefined],
      ['server', 'POST /oauth2/token, client_credentials', '200'],
      ['grantkit', 'has a token for 120 s', expect.stringMatching(/ ms$/)],
      ['grantkit', 'met a rejected token: renews it and sends the call again', undefined],
      ['server', expect.stringMatching(/^GET \/.*, token #\w{6}$/), '200'],
      ['app', 'GET the API through axios', '200'],
    ])
    expect(lines[0]?.[1]).not.toBe(lines[5]?.[1])
  })

  test('counts what repeats', async () => {
    await using app = await open()
    await app.post(4, 'calls/axios')

    await app.post(4, 'burst')

    const received = (await app.log()).filter(({ from, text }) => from === 'server' && text.startsWith('GET '))
    expect(received.reduce((sum, { count }) => sum + count, 0)).toBe(101)
    expect(received.length).toBeLessThan(50)
  })

  test('is sent on as it grows', async () => {
    await using app = await open()
    const { body } = await fetch(new URL('/events', app.url))
    const reader = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()

    await app.post(5, 'calls/axios')

    let received = ''
    while (!received.includes('GET the API through axios')) received += (await reader.read()).value
    await reader.cancel()
  })

  test('shows no token and no secret', async () => {
    await using app = await open()
    for (const row of [1, 2, 3, 4, 5, 6]) await app.post(row, 'burst')

    const shown = await app.events()

    const tokens = app.sandbox.systems.flatMap(({ issuedTokens }) => issuedTokens.map(({ token }) => token))
    const { wso2Apk, coreBanking, fiservCiam } = app.sandbox
    expect(tokens.length).toBeGreaterThanOrEqual(6)
    expect(shown).toContain('token #')
    for (const secret of [...tokens, ...[wso2Apk, coreBanking, fiservCiam].map(({ clientSecret }) => clientSecret)])
      expect(shown).not.toContain(secret)
  })
})

test('closing it ends the event streams that are open', async () => {
  const app = await open()
  const { body } = await fetch(new URL('/events', app.url))

  await app[Symbol.asyncDispose]()

  const ended = (async () => {
    for await (const _ of body as ReadableStream);
  })()
  await expect(ended.catch(error => error.message)).resolves.toSatisfy(end => end === undefined || end === 'terminated')
})

interface CardOnPage {
  readonly row: number
  readonly clients: readonly string[]
  readonly tokenRequests: number
  readonly endedAtServer: boolean
  readonly outageUntil?: number
}

interface Line {
  readonly from: string
  readonly text: string
  readonly outcome?: string
  readonly count: number
}

/** The app on a sandbox of its own, and a caller that behaves as the page does. */
async function open(options: AppOptions = {}) {
  const sandbox: Sandbox = await startSandbox()
  const app = await startApp(sandbox, options)
  const cards = () => eventOf<CardOnPage[]>(app.url, 'cards')
  return {
    url: app.url,
    elsewhere: app.elsewhere,
    sandbox,
    events: () => eventsOf(app.url),
    cards,
    card: async (row: number) => (await cards()).find(card => card.row === row) as CardOnPage,
    log: () => eventOf<Line[]>(app.url, 'log'),
    async post(row: number, path: string) {
      const headers = { 'X-GrantKit-Demo': '1' }
      const response = await fetch(new URL(`/cards/${row}/${path}`, app.url), { method: 'POST', headers })
      return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() }
    },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]()
      await sandbox.stop()
    },
  }
}

/** `fetch` does not let a caller choose the `Host`. */
function statusFor(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers }, response => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject).end()
  })
}

/** Outages that end when the test says so. */
function byHand() {
  const delays: number[] = []
  let run = () => {}
  const schedule = (end: () => void, ms: number) => {
    run = end
    delays.push(ms)
    return () => {}
  }
  return { schedule, delays, end: () => run() }
}
