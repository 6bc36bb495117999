import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Client,
  createClient,
  createTokenSource,
  type DeviceCode,
  defineProvider,
  deviceCode,
  isGrantKitError,
  none,
  requestDeviceAuthorization,
} from '../../src/index.js'
import { failure, refusal } from '../answering.js'
import { type Answer, json, refuse, scriptedServer, start } from '../scripted-server.js'

const issuer = 'https://as.example'
const answered = {
  device_code: 'secret-device-code',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://as.example/device',
  verification_uri_complete: 'https://as.example/device?user_code=WDJB-MJHT',
  expires_in: 1800,
  interval: 7,
}

function setUp(answer: Answer = () => json(200, answered)) {
  const server = scriptedServer(answer)
  const metadata = {
    issuer,
    token_endpoint: `${issuer}/token`,
    device_authorization_endpoint: `${issuer}/device_authorization`,
  }
  const provider = defineProvider({ name: 'example', metadata })
  const clock = { now: () => start }
  const client = createClient({ provider, clientId: 'tv', auth: none(), transport: server.transport, clock })
  return { server, client }
}

/** What comes of an answer with other members. */
const answering = (members: Readonly<Record<string, unknown>>) =>
  requestDeviceAuthorization(setUp(() => json(200, { ...answered, ...members })).client)

describe('requestDeviceAuthorization', () => {
  test('asks the endpoint of the metadata, and reads what the user is to be shown', async () => {
    const { server, client } = setUp()
    const authorization = await requestDeviceAuthorization(client, {
      scope: ['openid', 'accounts'],
      resource: 'https://api.example',
      parameters: { tenant: 'a' },
    })
    expect(authorization).toMatchObject({
      deviceCode: 'secret-device-code',
      userCode: 'WDJB-MJHT',
      verificationUri: 'https://as.example/device',
      verificationUriComplete: 'https://as.example/device?user_code=WDJB-MJHT',
      expiresAt: start + 1_800_000,
      intervalMs: 7_000,
    })
    expect(server.requests[0]).toMatchObject({
      url: `${issuer}/device_authorization`,
      form: { client_id: 'tv', scope: 'openid accounts', resource: 'https://api.example', tenant: 'a' },
    })
  })

  test('waits five seconds where no interval is named, and a second at least', async () => {
    expect((await answering({ interval: undefined })).intervalMs).toBe(5_000)
    expect((await answering({ interval: 0 })).intervalMs).toBe(1_000)
    expect((await answering({ interval: '2' })).intervalMs).toBe(2_000)
  })

  test('knows the name Google has for the URL, and can do without the complete one', async () => {
    const members = {
      verification_uri: undefined,
      verification_url: 'https://www.google.example/device',
      verification_uri_complete: undefined,
    }
    expect(await answering(members)).toMatchObject({
      verificationUri: 'https://www.google.example/device',
      verificationUriComplete: undefined,
    })
  })

  const wrong: readonly (readonly [string, Record<string, unknown>])[] = [
    ['device_code', { device_code: undefined }],
    ['device_code', { device_code: 'two words' }],
    ['device_code', { device_code: 'x'.repeat(10_000) }],
    ['user_code', { user_code: 42 }],
    ['user_code', { user_code: '\u001b[2Jtype this' }],
    ['verification_uri', { verification_uri: undefined }],
    ['verification_uri', { verification_uri: 'javascript:alert(1)' }],
    ['verification_uri', { verification_uri: 'http://as.example/device' }],
    ['verification_uri', { verification_uri: 'as.example/device' }],
    ['verification_uri_complete', { verification_uri_complete: 'https://user:pass@as.example' }],
    ['expires_in', { expires_in: undefined }],
    ['expires_in', { expires_in: -1 }],
    ['interval', { interval: 'soon' }],
    ['interval', { interval: -5 }],
  ]
  test.each(wrong)('refuses %s: %o', async (check, members) => {
    const error = await failure(answering(members))
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', check, provider: 'example' })
    expect(inspect(error)).not.toContain('secret-device-code')
  })

  test('shows no device code where an authorization is printed', async () => {
    const authorization = await requestDeviceAuthorization(setUp().client)
    expect(inspect(authorization) + JSON.stringify(authorization)).not.toContain('secret-device-code')
    expect(JSON.stringify(authorization)).toContain('WDJB-MJHT')
  })

  test('fails as the server refuses', async () => {
    const { client } = setUp(refuse(400, 'invalid_scope'))
    expect(await failure(requestDeviceAuthorization(client))).toMatchObject({ error: 'invalid_scope' })
  })

  test('reads whatever comes within bounds, or refuses it by name', async () => {
    const anything = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.double())
    const answers = fc.oneof(
      fc.jsonValue(),
      fc.record(
        Object.fromEntries(
          Object.entries(answered).map(([name, value]) => [name, fc.oneof(anything, fc.constant(value))]),
        ),
        { requiredKeys: [] },
      ),
    )
    await fc.assert(
      fc.asyncProperty(answers, async answer => {
        const outcome = await requestDeviceAuthorization(setUp(() => json(200, answer)).client).catch(
          (error: unknown) => error,
        )
        if (isGrantKitError(outcome)) return
        const { userCode, verificationUri, expiresAt, intervalMs } = outcome as Awaited<
          ReturnType<typeof requestDeviceAuthorization>
        >
        expect(userCode).not.toMatch(/\p{C}/u)
        expect(verificationUri).toMatch(/^https:|^http:\/\/(localhost|127|\[::1\])/i)
        expect(expiresAt).toBeGreaterThanOrEqual(start)
        expect(intervalMs).toBeGreaterThanOrEqual(1_000)
      }),
      { numRuns: 300 },
    )
  })

  test('refuses what is wrong before anything is sent', async () => {
    const { client, server } = setUp()
    const ask = (...args: readonly unknown[]) => requestDeviceAuthorization(...(args as [Client]))
    expect(await failure(ask({ scope: 'a' }))).toMatchObject({ option: 'client' })
    expect(await failure(ask(client, { scopes: 'a' }))).toMatchObject({ option: 'scopes' })
    const without = createClient({
      provider: defineProvider({ name: 'example', metadata: { issuer, token_endpoint: `${issuer}/token` } }),
      clientId: 'tv',
      transport: server.transport,
    })
    expect(await failure(ask(without))).toMatchObject({ option: 'device_authorization_endpoint' })
    expect(server.requests).toEqual([])
  })
})

describe('deviceCode', () => {
  const code: DeviceCode = { deviceCode: 'secret-device-code', expiresAt: start + 1, intervalMs: 1 }

  test('is made of what another process has kept as well, and shows no code', () => {
    const grant = deviceCode(JSON.parse(JSON.stringify(code)))
    expect(grant).toMatchObject({ grantType: 'urn:ietf:params:oauth:grant-type:device_code', singleUse: true })
    expect(inspect(grant, { depth: 9 })).not.toContain('secret-device-code')
  })

  const wrong: readonly (readonly [string, unknown, object, string])[] = [
    ['no authorization', undefined, {}, 'authorization'],
    ['one that was printed', { ...code, deviceCode: undefined }, {}, 'authorization.deviceCode'],
    ['one without an end', { ...code, expiresAt: Number.NaN }, {}, 'authorization.expiresAt'],
    ['a controller in place of a signal', code, { signal: new AbortController() }, 'signal'],
    ['a wait that is none', code, { wait: 5 }, 'wait'],
    ['another code', code, { parameters: { device_code: 'x' } }, 'parameters.device_code'],
  ]
  test.each(wrong)('refuses %s', (_, authorization, options, option) => {
    expect(refusal(() => deviceCode(authorization as DeviceCode, options)).option).toBe(option)
  })

  test('is no grant that a source could renew by', () => {
    expect(refusal(() => createTokenSource({ client: setUp().client, grant: deviceCode(code) })).option).toBe('grant')
  })
})
