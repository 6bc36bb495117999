import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DiscoveryOptions, discoverMetadata } from '../src/discovery.js'
import { isGrantKitError } from '../src/errors.js'
import type { Transport, TransportRequest } from '../src/transport.js'
import { type Answer, failure, responseOf } from './answering.js'

const issuer = 'https://as.example/tenant'
const document = { issuer, token_endpoint: 'https://as.example/tenant/token' }

/** A program at a server that gives its answers in turn, the last one again and again; and a clock moved by hand. */
function program(...answers: readonly (Answer | Error)[]) {
  const requests: TransportRequest[] = []
  const transport: Transport = async request => {
    requests.push(request)
    const answer = answers[Math.min(requests.length, answers.length) - 1] as Answer | Error
    if (answer instanceof Error) throw answer
    return responseOf(answer)
  }
  let now = 1_800_000_000_000
  const clock = { now: () => now }
  return {
    requests,
    discover: (options: DiscoveryOptions = {}) => discoverMetadata({ issuer, transport, clock, ...options }),
    pass: (milliseconds: number) => {
      now += milliseconds
    },
  }
}

const changed = { body: { ...document, jwks_uri: 'https://as.example/keys' } }

describe('a document that is asked for again and again', () => {
  test('is fetched once by all who want it at the same time, and serves for five minutes', async () => {
    const { discover, requests, pass } = program({ body: document }, changed)
    const all = await Promise.all(Array.from({ length: 50 }, () => discover()))
    expect(new Set(all.map(({ token_endpoint }) => token_endpoint))).toEqual(new Set([document.token_endpoint]))
    pass(299_999)
    expect((await discover()).jwks_uri).toBeUndefined()
    expect(requests).toHaveLength(1)
    pass(1)
    expect((await discover()).jwks_uri).toBe('https://as.example/keys')
    expect(requests).toHaveLength(2)
  })

  test('is everybody’s own object', async () => {
    const { discover } = program({ body: { ...document, grant_types_supported: ['refresh_token'] } })
    const mine = (await discover()) as unknown as { issuer: string; grant_types_supported: string[] }
    mine.issuer = 'https://elsewhere.example'
    mine.grant_types_supported.push('mine')
    expect(await discover()).toMatchObject({ issuer, grant_types_supported: ['refresh_token'] })
  })

  test('serves as long as its reader says: for ever, or never', async () => {
    const { discover, requests, pass } = program({ body: document })
    await discover()
    pass(86_400_000)
    await discover({ maxAgeMs: Number.POSITIVE_INFINITY })
    expect(requests).toHaveLength(1)
    await discover({ maxAgeMs: 0 })
    await discover({ maxAgeMs: 0 })
    expect(requests).toHaveLength(3)
  })

  test('is asked for anew when the clock was set back', async () => {
    const { discover, requests, pass } = program({ body: document })
    await discover()
    pass(-60_000)
    await discover()
    expect(requests).toHaveLength(2)
  })

  test('is the same with other corrections, and another one where it is asked for in another way', async () => {
    const { discover, requests } = program({ body: document })
    await discover()
    expect((await discover({ metadata: { jwks_uri: 'https://as.example/mine' } })).jwks_uri).toMatch(/mine$/)
    expect(requests).toHaveLength(1)
    const key = () => 'k-2'
    for (const headers of [{ 'x-api-key': 'k-1' }, { 'x-api-key': 'k-2' }, { 'x-api-key': key }]) {
      await discover({ headers })
      await discover({ headers })
    }
    expect(requests.map(({ headers }) => headers['x-api-key'])).toEqual([undefined, 'k-1', 'k-2', 'k-2'])
  })

  test('is not kept when it is huge', async () => {
    const { discover, requests } = program({ body: { ...document, padding: 'x'.repeat(131_072) } })
    await discover()
    await discover()
    expect(requests).toHaveLength(2)
  })

  test('makes room for others: a hundred are kept, the one asked for first has to go', async () => {
    const { discover, requests } = program({ body: document })
    const tenant = (number: number) => discover({ discoveryUrl: `https://as.example/${number}` })
    for (let number = 0; number <= 100; number++) await tenant(number)
    await tenant(100)
    await tenant(1)
    expect(requests).toHaveLength(101)
    await tenant(0)
    expect(requests).toHaveLength(102)
  })
})

describe('a failure', () => {
  test.each<[string, Answer | Error]>([
    ['no answer', new Error('no route')],
    ['no document', { status: 404 }],
    ['a document of somebody else', { body: { ...document, issuer: 'https://other.example' } }],
  ])('is told for a second to those who ask again, and not longer: %s', async (_, answer) => {
    const { discover, requests, pass } = program(answer, { body: document })
    const first = await failure(discover())
    pass(999)
    expect((await failure(discover())).message).toBe(first.message)
    expect(requests).toHaveLength(1)
    pass(1)
    expect(await discover()).toEqual(document)
  })

  test('is told for as long as the server wants, half a minute at most', async () => {
    const busy = (seconds: string) => ({ status: 503, headers: { 'retry-after': seconds } })
    const { discover, requests, pass } = program(busy('7'), busy('3600'), { body: document })
    expect(await failure(discover())).toMatchObject({ serverStatus: 503, retryable: true, retryAfterMs: 7_000 })
    pass(6_999)
    await failure(discover())
    expect(requests).toHaveLength(1)
    pass(1)
    await failure(discover())
    pass(30_000)
    expect(await discover()).toEqual(document)
    expect(requests).toHaveLength(3)
  })

  test('is told to none of those who want no copy', async () => {
    const { discover } = program({ status: 503 }, { body: document })
    await failure(discover({ maxAgeMs: 0 }))
    expect(await discover({ maxAgeMs: 0 })).toEqual(document)
  })
})

test.each([
  ['maxAgeMs', { maxAgeMs: -1 }],
  ['maxAgeMs', { maxAgeMs: Number.NaN }],
  ['clock', { clock: {} }],
  ['timeoutMs', { transport: { timeoutMs: 0 } }],
])('refuses a wrong %s', async (option, options) => {
  expect(await failure(program({ body: document }).discover(options as never))).toMatchObject({ option })
})

test('whatever is sent is a document or an error of ours', async () => {
  const member = fc.oneof(fc.constantFrom('token_endpoint', 'jwks_uri', 'grant_types_supported'), fc.string())
  const members = fc.dictionary(member, fc.jsonValue(), { maxKeys: 5 }).map(more => ({ ...document, ...more }))
  const body = fc.oneof(fc.uint8Array(), fc.json(), fc.string(), members)
  const status = fc.constantFrom(200, 204, 302, 404, 500)
  await fc.assert(
    fc.asyncProperty(body, status, async (body, status) => {
      const { discover } = program({ body, status })
      const answer = await discover().catch((error: unknown) => error)
      if (isGrantKitError(answer)) expect(answer.message.length).toBeLessThan(2_000)
      else expect(answer).toMatchObject({ issuer, token_endpoint: expect.stringMatching(/^https?:/) })
    }),
  )
})
