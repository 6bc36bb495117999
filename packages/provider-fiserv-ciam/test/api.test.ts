/** What CIAM's APIs say to a bad token, and what they are sent (providers.md, 4.2 and 4.3). */
import { clientCredentials, createTokenSource } from '@grantkit/core'
import { attach, parseOrigins } from '@grantkit/core/kit'
import { answering } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import type { FiservCiamOptions } from '../src/index.js'
import { clientOf, startCiam } from './ciam.js'

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

/** What is decided on an answer, whoever gave it. */
async function decided(status: number, body: string) {
  let requests = 0
  const client = clientOf(request => {
    const token = { access_token: `token-${++requests}`, token_type: 'Bearer', expires_in: 7199 }
    return answering(200, JSON.stringify(token))(request)
  })
  const source = createTokenSource({ client, grant: clientCredentials() })
  const url = 'https://ciam.example.com/users'
  const attached = await attach(source, parseOrigins([new URL(url).origin]), { method: 'GET', url })
  await attached.replay({ status, wwwAuthenticate: undefined, body: async () => body }, true)
  return requests === 1 ? 'final' : 'renewed'
}

test('a 401 with code 10001 or 10002 is about the token, with or without blanks', async () => {
  expect(await decided(401, '{"error":10001}')).toBe('renewed')
  expect(await decided(401, '{ "code" : "10002" }')).toBe('renewed')
})

test.each(['', '{}', '{"error":100010}', '{"error":"x","message":"10001"}', '<html></html>'])(
  'a 401 that says "%s" is final',
  async body => {
    expect(await decided(401, body)).toBe('final')
  },
)

test.each([403, 404, 400])('10001 with status %i is no rejection', async status => {
  expect(await decided(status, '{"error":10001,"message":"Access token has expired"}')).toBe('final')
})
