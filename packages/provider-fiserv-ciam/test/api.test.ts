/** What CIAM's APIs say to a bad token, and what they are sent (providers.md, 4.2 and 4.3). */
import { attach, parseOrigins } from '@grantkit/core'
import { describe, expect, test } from 'vitest'
import type { FiservCiamOptions } from '../src/index.js'
import { startCiam } from './ciam.js'

type Ciam = Awaited<ReturnType<typeof startCiam>>

async function request(ciam: Ciam, options?: Partial<FiservCiamOptions>) {
  const source = ciam.source({}, options)
  const origins = parseOrigins([ciam.system.apiOrigin])
  const { apiUrl } = ciam.system
  const attached = await attach(source, origins, { method: 'GET', url: apiUrl })
  return {
    source,
    attached,
    call: () => source.client.transport({ method: 'GET', url: apiUrl, headers: attached.headers }),
    /** What happens after a refusal with this body. */
    replay: (body: string, status = 401) =>
      attached.replay({ status, wwwAuthenticate: undefined, body: async () => body }, true),
  }
}

const text = (answer: { readonly body: Uint8Array }) => new TextDecoder().decode(answer.body)

describe('the headers of a call', () => {
  test('are Authorization alone', async () => {
    await using ciam = await startCiam()
    const { attached } = await request(ciam)
    expect(attached.headers).toEqual({ authorization: expect.stringMatching(/^Bearer \S+$/) })
  })

  test('hold whatever else is configured', async () => {
    await using ciam = await startCiam()
    const { attached } = await request(ciam, { resourceHeaders: { 'api-key': 'k-1' } })
    expect(attached.headers).toEqual({ 'api-key': 'k-1', authorization: expect.stringMatching(/^Bearer \S+$/) })
  })
})

describe.each(['schema', 'examples', 'sample'] as const)('a 401 in the shape of the %s', errorShape => {
  test('10001, an expired token, asks for a new one', async () => {
    await using ciam = await startCiam()
    Object.assign(ciam.system.settings, { errorShape, accessTokenLifetimeSeconds: 60, expiresIn: '7199' })
    const { call, replay } = await request(ciam)
    ciam.sandbox.advance(61_000)
    const answer = await call()
    expect(answer.status).toBe(401)
    expect(text(answer)).toContain('10001')
    expect(await replay(text(answer))).toBeDefined()
    expect((await call()).status).toBe(200)
  })

  test('10002, an invalid token, asks for a new one', async () => {
    await using ciam = await startCiam()
    ciam.system.settings.errorShape = errorShape
    const { source, call, replay } = await request(ciam)
    ciam.system.revoke((await source.getTokenSet()).accessToken)
    const answer = await call()
    expect(text(answer)).toContain('10002')
    expect(await replay(text(answer))).toBeDefined()
    expect((await call()).status).toBe(200)
  })

  test('10001 with the message INVALID_DATA is about the request, and final', async () => {
    await using ciam = await startCiam()
    ciam.system.settings.errorShape = errorShape
    ciam.system.settings.apiRefusal = { status: 401, code: 10001, message: 'INVALID_DATA' }
    const { call, replay } = await request(ciam)
    expect(await replay(text(await call()))).toBeUndefined()
    expect(ciam.tokenRequests()).toHaveLength(1)
  })

  test('any other code is final', async () => {
    await using ciam = await startCiam()
    ciam.system.settings.errorShape = errorShape
    ciam.system.settings.apiRefusal = { status: 401, code: 10015, message: 'Generic error' }
    const { call, replay } = await request(ciam)
    expect(await replay(text(await call()))).toBeUndefined()
    expect(ciam.tokenRequests()).toHaveLength(1)
  })
})

test.each(['', '{}', '{"error":100010}', '{"error":"x","message":"10001"}', '<html></html>'])(
  'a 401 that says %s is final',
  async body => {
    await using ciam = await startCiam()
    expect(await (await request(ciam)).replay(body)).toBeUndefined()
  },
)

test.each([403, 404, 400])('10001 with status %i is no rejection', async status => {
  await using ciam = await startCiam()
  const { replay } = await request(ciam)
  expect(await replay('{"error":10001,"message":"Access token has expired"}', status)).toBeUndefined()
})
