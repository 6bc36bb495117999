import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AuthenticationRequestId,
  type ClientOptions,
  type FindAuthentication,
  isGrantKitError,
  type PingNotification,
  readPingNotification,
  requestBackchannelAuthentication,
  requestTokenSet,
  signer,
} from '../../src/index.js'
import { failure } from '../answering.js'
import { claims, keyFor, openIdServer, sign } from '../openid-server.js'
import { json, refuse } from '../scripted-server.js'

const key = keyFor('RS256')
const hint = { loginHint: 'alice' }

/** A server in ping mode whose user has agreed, after `pending` answers that they have not. */
function setUp({ pending = 0, ...options }: Partial<ClientOptions> & { pending?: number } = {}) {
  const server = openIdServer(key)
  const asked: Readonly<Record<string, string>>[] = []
  let left = pending
  server.tokens = async form => {
    asked.push(form)
    if (form.grant_type === undefined) return json(200, { auth_req_id: 'secret-request-id', expires_in: 120 })
    if (left-- > 0) return refuse(400, 'authorization_pending')(form as never)
    return json(200, { access_token: 'at-1', token_type: 'Bearer', id_token: await sign(key, claims()) })
  }
  const base = server.client()
  const { provider } = base
  const metadata = { ...provider.metadata, backchannel_authentication_endpoint: 'https://as.example/ciba' }
  const client = server.client({
    provider: { ...provider, metadata },
    metadata: { backchannel_token_delivery_mode: 'ping' },
    ...options,
  })
  return { server, client, asked }
}

async function asking(options: Parameters<typeof setUp>[0] = {}) {
  const setup = setUp(options)
  const authentication = await requestBackchannelAuthentication(setup.client, hint)
  const find: FindAuthentication = id => (id === authentication.authReqId ? authentication : undefined)
  const ping = (members: Partial<PingNotification> = {}) => ({
    authorization: `Bearer ${authentication.notificationToken}`,
    body: JSON.stringify({ auth_req_id: 'secret-request-id' }),
    ...members,
  })
  return { ...setup, authentication, find, ping }
}

describe('a request in ping mode', () => {
  test('gives the server a token to come with, another one each time, and shows it to nobody', async () => {
    const { client, asked, authentication } = await asking()
    await requestBackchannelAuthentication(client, hint)
    const [one, other] = asked.map(form => form.client_notification_token)
    expect(authentication.notificationToken).toBe(one)
    expect(one).toMatch(/^[\w-]{43}$/)
    expect(other).not.toBe(one)
    expect(inspect(authentication) + JSON.stringify(authentication)).not.toContain(one)
  })

  test('signs it with the rest', async () => {
    const { client, asked } = setUp()
    const { privateKey } = keyFor('PS256')
    const options = { ...hint, signer: signer({ key: privateKey, alg: 'PS256' }) }
    const { notificationToken } = await requestBackchannelAuthentication(client, options)
    expect(Object.keys(asked[0] ?? {})).not.toContain('client_notification_token')
    const payload = JSON.parse(Buffer.from(asked[0]?.request?.split('.')[1] ?? '', 'base64url').toString())
    expect(payload.client_notification_token).toBe(notificationToken)
  })

  test('in poll mode has none', async () => {
    const { authentication, asked } = await asking({ metadata: {} })
    expect(authentication.notificationToken).toBeUndefined()
    expect(asked[0]).not.toHaveProperty('client_notification_token')
  })

  test('is refused in push mode, before anybody is asked', async () => {
    const { client, asked } = setUp({ metadata: { backchannel_token_delivery_mode: 'push' } })
    expect(await failure(requestBackchannelAuthentication(client, hint))).toMatchObject({
      option: 'metadata.backchannel_token_delivery_mode',
    })
    expect(asked).toEqual([])
  })
})

describe('readPingNotification', () => {
  const wait = () => Promise.reject(new Error('waited'))

  test.each([
    ['text', (text: string) => text],
    ['bytes', (text: string) => Buffer.from(text)],
    ['what a framework has parsed', (text: string) => JSON.parse(text)],
  ])('takes the body as %s, and asks for the tokens at once', async (_, as) => {
    const { client, find, ping, asked } = await asking()
    const notification = ping({ body: as('{"auth_req_id":"secret-request-id"}') })
    const grant = await readPingNotification(client, find, notification, { wait })
    expect((await requestTokenSet(client, grant)).idTokenClaims?.sub).toBe('user')
    expect(asked.at(-1)).toMatchObject({
      grant_type: 'urn:openid:params:grant-type:ciba',
      auth_req_id: 'secret-request-id',
    })
  })

  test('goes on asking, at the interval, where the tokens are not there yet', async () => {
    const { client, find, ping } = await asking({ pending: 2 })
    const waits: number[] = []
    const grant = await readPingNotification(client, find, ping(), { wait: async delayMs => void waits.push(delayMs) })
    await requestTokenSet(client, grant)
    expect(waits).toEqual([5_000, 5_000])
  })

  test('takes what was kept as JSON, in another process', async () => {
    const { client, authentication, ping } = await asking()
    const { authReqId, expiresAt, intervalMs, notificationToken } = authentication
    const kept = JSON.stringify({ authReqId, expiresAt, intervalMs, notificationToken })
    const grant = await readPingNotification(client, async () => JSON.parse(kept), ping(), { wait })
    expect((await requestTokenSet(client, grant)).accessToken).toBe('at-1')
  })

  const wrong: readonly [string, string, Partial<PingNotification>][] = [
    ['no token', 'client_notification_token', { authorization: undefined }],
    ['no header', 'client_notification_token', { authorization: null }],
    ['another token', 'client_notification_token', { authorization: 'Bearer other' }],
    ['another scheme', 'client_notification_token', { authorization: 'Basic other' }],
    ['an empty token', 'client_notification_token', { authorization: 'Bearer ' }],
    ['another request', 'auth_req_id', { body: { auth_req_id: 'other' } }],
    ['no body', 'body', { body: undefined }],
    ['a form', 'body', { body: 'auth_req_id=secret-request-id' }],
    ['a list', 'body', { body: ['secret-request-id'] }],
    ['an id that is a number', 'body', { body: { auth_req_id: 7 } }],
    ['a long body', 'body', { body: JSON.stringify({ auth_req_id: 'secret-request-id', more: 'x'.repeat(70_000) }) }],
  ]
  test.each(wrong)('refuses %s', async (_, check, members) => {
    const { client, find, ping, asked } = await asking()
    const error = await failure(readPingNotification(client, find, ping(members)))
    expect(error).toMatchObject({ name: 'ValidationError', check, provider: 'example' })
    expect(inspect(error)).not.toContain('secret-request-id')
    expect(asked).toHaveLength(1)
  })

  test('refuses the token of another request, and any where none was given', async () => {
    const { client, authentication, ping } = await asking()
    const { authReqId, expiresAt, intervalMs } = authentication
    const kept = { authReqId, expiresAt, intervalMs }
    for (const notificationToken of [undefined, 'other']) {
      const found = (): AuthenticationRequestId => ({ ...kept, notificationToken })
      const check = 'client_notification_token'
      expect(await failure(readPingNotification(client, found, ping()))).toMatchObject({ check })
    }
    const another = () => ({ ...kept, authReqId: 'another' })
    expect(await failure(readPingNotification(client, another, ping()))).toMatchObject({ check: 'auth_req_id' })
  })

  test('is too late once the request is over', async () => {
    const { client, server, find, ping } = await asking()
    const grant = await readPingNotification(client, find, ping())
    server.clock.advance(120_000)
    expect(await failure(requestTokenSet(client, grant))).toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
  })

  test('says when it is not awaited', async () => {
    const { client, find, ping } = await asking()
    expect(() => (readPingNotification(client, find, ping()) as unknown as { grantType: string }).grantType).toThrow(
      'did you forget await?',
    )
  })

  test('refuses whatever comes, with an error of its own', async () => {
    const { client, find } = await asking()
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.string(), async (body, authorization) => {
        const error = await failure(readPingNotification(client, find, { authorization, body }))
        expect(isGrantKitError(error) && error.code).toBe('ERR_VALIDATION')
      }),
      { numRuns: 300 },
    )
  })
})
