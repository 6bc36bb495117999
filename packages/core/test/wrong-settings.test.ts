/** What plain JavaScript may hand over by mistake: each is a `TypeError` that names the option, and nothing is sent. */
import { describe, expect, test } from 'vitest'
import {
  authorizationCode,
  type Conform,
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  defineProvider,
  discoverMetadata,
  privateKeyJwt,
  refreshToken,
  requestTokenSet,
} from '../src/index.js'
import { scriptedServer } from './scripted-server.js'

const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
const provider = defineProvider({ name: 'example', metadata })
const server = scriptedServer()
const usual = { provider, clientId: 'app', clientSecret: 'a secret', transport: server.transport }

const make = (options: object) => () => createClient({ ...usual, ...options } as never)
const wrong = (option: string) => expect.objectContaining({ name: 'TypeError', code: 'ERR_OPTION', option })

describe('createClient', () => {
  const cases: readonly [option: string, options: object][] = [
    ['auth', { auth: null, clientSecret: undefined }],
    ['auth', { auth: 'private_key_jwt', clientSecret: undefined }],
    ['clock', { clock: null }],
    ['clock', { clock: 5 }],
    ['clock', { clock: {} }],
    ['onEvent', { onEvent: 5 }],
    ['onEvent', { onEvent: null }],
    ['transport', { transport: null }],
    ['transport', { transport: 'undici' }],
    ['transport', { transport: [] }],
    ['tls.servername', { tls: { servername: 'https://a.example' } }],
    ['tls.servername', { tls: { servername: 'a.example\n' } }],
    ['tls.connectTo', { tls: { connectTo: 'localhost:443' } }],
    ['tls.connectTo.host', { tls: { connectTo: { host: 'https://a', port: 443 } } }],
    ['tls.connectTo.port', { tls: { connectTo: { host: 'a', port: 70_000 } } }],
    ['tls.connectTo.port', { tls: { connectTo: { host: 'a', port: 4.5 } } }],
    ['tls.connectTo.hostname', { tls: { connectTo: { host: 'a', hostname: 'a' } } }],
    ['headers', { headers: new Map([['x-api-key', 'a']]) }],
  ]
  for (const [option, options] of cases)
    test(`${option}: ${JSON.stringify(options)} is refused`, () => {
      expect(make(options)).toThrow(wrong(option))
    })

  test('a promise of a CA is told as a promise', () => {
    const ca = Promise.resolve('')
    expect(make({ tls: { ca: [ca] } })).toThrow(/tls.ca: is a promise; did you forget await/)
  })
})

describe('defineProvider', () => {
  const conforms: Readonly<Record<string, unknown>>[] = [
    { classifyError: 'x' },
    { classifyError: null },
    { recognizeRejection: /x/ },
    { checkCredentials: 5 },
    { encodeRequest: {} },
    { mapTokenResponse: 'camelCase' },
    { defaultExpiresIn: '300' },
    { defaultExpiresIn: 0 },
    { defaultTokenType: 5 },
    { requiresCertificate: 'yes' },
    { clientAssertion: 5 },
    { resourceHeaders: 5 },
    { requestHeaders: 'x' },
    { defaultSecretMethod: 'basic' },
    { basicCredentials: 'plain' },
    { responseEncoding: 'xml' },
    { refreshTokenResends: -1 },
    { refreshTokenResends: Number.NaN },
    { refreshEndpoint: 'http://as.example/refresh' },
  ]
  for (const conform of conforms)
    test(`${Object.entries(conform).map(([name, value]) => `${name}: ${String(value)}`)} is refused`, () => {
      const [name = ''] = Object.keys(conform)
      expect(() => defineProvider({ name: 'example', metadata, conform: conform as Conform })).toThrow(wrong(name))
    })

  test('a rule of assertions that does not exist is refused', () => {
    const conform = { clientAssertion: { aud: 'https://as.example' } } as Conform
    expect(() => defineProvider({ name: 'example', metadata, conform })).toThrow(wrong('aud'))
  })

  test('null for conform is refused', () => {
    expect(() => defineProvider({ name: 'example', metadata, conform: null as never })).toThrow(wrong('conform'))
  })
})

test('discoverMetadata refuses null for its corrections', async () => {
  await expect(discoverMetadata({ issuer: metadata.issuer, metadata: null as never })).rejects.toThrow(
    wrong('metadata'),
  )
})

describe('tokens and names that were changed on the way', () => {
  for (const odd of ['a\n', '\ufeffa', 'undefined'])
    test(`${JSON.stringify(odd)} is no refresh token, code or kid`, async () => {
      expect(() => refreshToken({ refreshToken: odd })).toThrow(wrong('refreshToken'))
      expect(() => authorizationCode({ code: odd })).toThrow(wrong('code'))
      expect(() => privateKeyJwt({ key: 'k', alg: 'PS256', kid: odd })).toThrow(wrong('kid'))
      const user = createUserTokenSources({ client: createClient(usual) }).for('alice')
      await expect(user.import({ refreshToken: odd })).rejects.toThrow(wrong('refreshToken'))
    })

  test('null is no kid', () => {
    expect(() => privateKeyJwt({ key: 'k', alg: 'PS256', kid: null as never })).toThrow(wrong('kid'))
  })
})

describe('asking for a token', () => {
  const client = createClient(usual)
  const source = createTokenSource({ client, grant: clientCredentials() })
  const options: readonly [option: string, given: unknown][] = [
    ['signal', { signal: 5 }],
    ['forced', { forced: true }],
    ['force', { force: 'yes' }],
    ['rejected', { rejected: 5 }],
    ['getTokenSet()', AbortSignal.timeout(1_000_000)],
    ['getTokenSet()', 'force'],
  ]
  for (const [option, given] of options)
    test(`getTokenSet refuses ${given instanceof AbortSignal ? 'a signal' : JSON.stringify(given)}`, async () => {
      await expect(source.getTokenSet(given as never)).rejects.toThrow(wrong(option))
    })

  test('drop refuses a token set: the token in it is meant', async () => {
    await expect(source.drop({} as never)).rejects.toThrow(wrong('rejected'))
  })

  test('requestTokenSet names its order when it is given another', async () => {
    const grant = clientCredentials()
    const order = /the order is requestTokenSet\(client, grant\)/
    await expect(requestTokenSet(grant as never, client as never)).rejects.toThrow(order)
    await expect(requestTokenSet(client, undefined as never)).rejects.toThrow(order)
    await expect(requestTokenSet(provider as never, grant)).rejects.toThrow(wrong('client'))
  })

  test('an await that was forgotten is told by every call that returns a token set or metadata', async () => {
    const transport = () => Promise.reject(new Error('nobody waits'))
    const quiet = <T>(promise: Promise<T>) => {
      promise.catch(() => {})
      return promise as never as Record<string, unknown>
    }
    const elsewhere = createClient({ ...usual, clientId: 'another', transport })
    const user = createUserTokenSources({ client: elsewhere }).for('alice')
    const forgotten = /did you forget await/
    expect(() => quiet(requestTokenSet(elsewhere, clientCredentials())).accessToken).toThrow(forgotten)
    expect(() => quiet(user.redeem(authorizationCode({ code: 'a' }))).accessToken).toThrow(forgotten)
    const asked = quiet(discoverMetadata({ issuer: metadata.issuer, transport }))
    expect(() => asked.token_endpoint).toThrow(forgotten)
    expect(() => ({ ...asked })).toThrow(forgotten)
  })

  test('nothing was sent', () => {
    expect(server.requests).toEqual([])
  })
})

describe('a header function', () => {
  const failing = (read: () => string) =>
    requestTokenSet(createClient({ ...usual, headers: { 'x-key': read } }), clientCredentials()).catch(error => error)

  test('that throws is named, not the secret, and may be asked again', async () => {
    const read = () => {
      throw new Error('the vault is sealed')
    }
    expect(await failing(read)).toMatchObject({
      code: 'ERR_CLIENT_AUTHENTICATION',
      message: expect.stringContaining('header x-key: the function failed'),
      provider: 'example',
      retryable: true,
    })
  })

  test('that returns what cannot be sent is named, with the provider', async () => {
    const message = expect.stringContaining('header x-key')
    expect(await failing(() => 'a\n')).toMatchObject({
      code: 'ERR_CLIENT_AUTHENTICATION',
      message,
      provider: 'example',
    })
  })
})
