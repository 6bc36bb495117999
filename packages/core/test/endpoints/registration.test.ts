import { generateKeyPairSync, verify } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createClient } from '../../src/client.js'
import { type RegisteredClient, readClientInformation } from '../../src/client-registration.js'
import {
  deleteRegistration,
  type RegisterClientOptions,
  readRegistration,
  registerClient,
  updateRegistration,
} from '../../src/endpoints/registration.js'
import { isGrantKitError } from '../../src/errors.js'
import type { RegistrationRules } from '../../src/provider.js'
import { signer } from '../../src/signer.js'
import type { TransportRequest } from '../../src/transport.js'
import { type Answer, answering, failure, issuer, provider } from '../answering.js'

const registration_endpoint = 'https://as.example.com/register'
const redirect_uris = ['https://app.example.com/callback']
const now = 1_760_000_000_000

const registered = {
  client_id: 's6BhdRkqt3',
  client_id_issued_at: 1_760_000_000,
  client_secret: 'cf136dc3c1fc93f31185e5885805d',
  client_secret_expires_at: 1_760_003_600,
  registration_access_token: 'this.is.an.access.token.value.ffx83',
  registration_client_uri: `${registration_endpoint}?client_id=s6BhdRkqt3`,
  redirect_uris,
  token_endpoint_auth_method: 'client_secret_post',
}

function serving(answers: readonly (Answer | Error)[], rules?: RegistrationRules) {
  const { transport, requests } = answering(...answers)
  const conform = rules === undefined ? {} : { registration: rules }
  const connection = { provider: provider(conform, { registration_endpoint }), transport, clock: { now: () => now } }
  return { connection, requests, only: () => (requests as [TransportRequest])[0] }
}

const kept: RegisteredClient = {
  clientId: 's6BhdRkqt3',
  clientSecret: 'the secret',
  registrationAccessToken: 'rat-1',
  registrationClientUri: registered.registration_client_uri,
}

describe('registerClient', () => {
  test('asks in JSON, without any credential, and gives what a client is made of', async () => {
    const { connection, only } = serving([{ status: 201, body: registered }])
    const metadata = { redirect_uris, 'client_name#ja': 'クライアント名', scope: undefined }
    const client = await registerClient({ ...connection, metadata })
    expect(only()).toMatchObject({ method: 'POST', url: registration_endpoint, fresh: true })
    expect(only().headers).toMatchObject({ 'content-type': 'application/json', accept: 'application/json' })
    expect(only().headers).not.toHaveProperty('authorization')
    expect(JSON.parse(String(only().body))).toEqual({ redirect_uris, 'client_name#ja': 'クライアント名' })
    expect(client).toMatchObject({
      clientId: 's6BhdRkqt3',
      clientIdIssuedAt: 1_760_000_000_000,
      clientSecret: registered.client_secret,
      clientSecretExpiresAt: 1_760_003_600_000,
      registrationAccessToken: registered.registration_access_token,
      registrationClientUri: registered.registration_client_uri,
    })
    expect(client.metadata).toEqual({ redirect_uris, token_endpoint_auth_method: 'client_secret_post' })
  })

  test('gives what createClient() takes as it is: by the method that was registered', async () => {
    const { connection } = serving([
      { status: 201, body: { ...registered, tls_client_certificate_bound_access_tokens: null } },
    ])
    const {
      clientId,
      clientSecret = '',
      metadata,
    } = await registerClient({ ...connection, metadata: { redirect_uris } })
    const client = createClient({ ...connection, clientId, clientSecret, metadata })
    expect(client.auth.method).toBe('client_secret_post')
  })

  test('shows the initial access token and the software statement', async () => {
    const { connection, only } = serving([{ status: 201, body: registered }])
    await registerClient({
      ...connection,
      metadata: { redirect_uris, software_statement: 'another' },
      initialAccessToken: async () => 'iat-1',
      softwareStatement: 'the.software.statement',
    })
    expect(only().headers).toMatchObject({ authorization: 'Bearer iat-1' })
    expect(JSON.parse(String(only().body))).toEqual({ redirect_uris, software_statement: 'the.software.statement' })
  })

  test.each([
    'invalid_redirect_uri',
    'invalid_client_metadata',
    'invalid_software_statement',
    'unapproved_software_statement',
  ])('says by name that the server refused: %s', async error => {
    const words = { error, error_description: 'https://app.example.com/callback may not be used' }
    const { connection, requests } = serving([{ status: 400, body: words }])
    expect(await failure(registerClient({ ...connection, metadata: { redirect_uris } }))).toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      kind: 'terminal',
      retryable: false,
      ...words,
    })
    expect(requests).toHaveLength(1)
  })

  test('takes a refused initial access token from the challenge, and shows none of it', async () => {
    const headers = { 'www-authenticate': 'Bearer error="invalid_token", error_description="iat-secret-1 is over"' }
    const { connection } = serving([{ status: 401, headers }])
    const error = await failure(
      registerClient({ ...connection, metadata: { redirect_uris }, initialAccessToken: 'iat-secret-1' }),
    )
    expect(error).toMatchObject({ error: 'invalid_token', kind: 'terminal', serverStatus: 401 })
    expect(inspect(error)).not.toContain('iat-secret-1')
  })

  test('is not sent again when its answer was lost, since it may have worked', async () => {
    const lost = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    const { connection, requests } = serving([lost, { status: 201, body: registered }])
    expect(await failure(registerClient({ ...connection, metadata: { redirect_uris } }))).toMatchObject({
      code: 'ERR_TRANSPORT',
    })
    expect(requests).toHaveLength(1)
  })

  const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const software = { signer: signer({ key: key.privateKey, alg: 'PS256', kid: 'directory' }), issuer: 'software-1' }
  const part = (jwt: string, index: number) =>
    JSON.parse(Buffer.from(jwt.split('.')[index] ?? '', 'base64url').toString())

  test('sends all of it as one JWT of the software, where that is asked for', async () => {
    const { connection, only } = serving([{ status: 201, body: registered }])
    const metadata = { redirect_uris, iss: 'somebody else', exp: 1, client_name: undefined }
    await registerClient({ ...connection, metadata, softwareStatement: 'a.b.c', signed: software })
    expect(only().headers).toMatchObject({ 'content-type': 'application/jwt' })
    const jwt = String(only().body)
    expect(part(jwt, 0)).toEqual({ alg: 'PS256', kid: 'directory', typ: 'JWT' })
    expect(part(jwt, 1)).toEqual({
      redirect_uris,
      software_statement: 'a.b.c',
      iss: 'software-1',
      aud: issuer,
      iat: now / 1000,
      exp: now / 1000 + 300,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    const pss = { key: key.publicKey, padding: 6, saltLength: 32 }
    const [head, payload, signature = ''] = jwt.split('.')
    expect(verify('sha256', Buffer.from(`${head}.${payload}`), pss, Buffer.from(signature, 'base64url'))).toBe(true)
  })

  test('signs by the rules of the provider', async () => {
    const rules = { signed: true, audience: 'bank-1', lifetimeSeconds: 900, contentType: 'application/jose', typ: 'x' }
    const { connection, only } = serving([{ status: 201, body: registered }], rules)
    await registerClient({ ...connection, metadata: {}, signed: software })
    expect(only().headers).toMatchObject({ 'content-type': 'application/jose' })
    expect(part(String(only().body), 0)).toMatchObject({ typ: 'x' })
    expect(part(String(only().body), 1)).toMatchObject({ aud: 'bank-1', exp: now / 1000 + 900 })
  })

  test('says so when it cannot be signed, and sends nothing', async () => {
    const { connection, requests } = serving([])
    const broken = signer({ key: () => Promise.reject(new Error('the vault is closed')), alg: 'PS256' })
    const request = registerClient({ ...connection, metadata: {}, signed: { ...software, signer: broken } })
    expect(await failure(request)).toMatchObject({ code: 'ERR_REQUEST_OBJECT', neverSent: true })
    expect(requests).toHaveLength(0)
  })

  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  const { connection } = serving([])
  test.each<[string, object]>([
    ['registerClient()', undefined as never],
    ['metadata', { ...connection }],
    ['metadata', { ...connection, metadata: cyclic }],
    ['metadata', { ...connection, metadata: { size: 1n } }],
    ['metadata.jwks', { ...connection, metadata: { jwks: { keys: [key.privateKey.export({ format: 'jwk' })] } } }],
    ['initialAccessToken', { ...connection, metadata: {}, initialAccessToken: '' }],
    ['softwareStatement', { ...connection, metadata: {}, softwareStatement: 7 }],
    ['signed', { ...serving([], { signed: true }).connection, metadata: {} }],
    ['signed.signer', { ...connection, metadata: {}, signed: { signer: key, issuer: 'a' } }],
    ['signed.issuer', { ...connection, metadata: {}, signed: { ...software, issuer: undefined } }],
    ['provider', { metadata: {} }],
    ['software_statement', { ...connection, metadata: {}, software_statement: 'a.b.c' }],
    ['registration_endpoint', { ...connection, provider: provider(), metadata: {} }],
    ['tls.certificate', { provider: provider({ requiresCertificate: true }, { registration_endpoint }), metadata: {} }],
  ])('names %s when it is wrong, and sends nothing', async (option, options) => {
    expect(await failure(registerClient(options as RegisterClientOptions))).toMatchObject({ option })
  })
})

describe('a registration', () => {
  test('shows no secret, printed or as JSON', () => {
    const { connection } = serving([])
    const registration = readClientInformation({ ...registered, software_statement: 'what.the.directory-says' })
    expect(registration.metadata.software_statement).toBe('what.the.directory-says')
    const { clientId, clientSecret = '', metadata } = registration
    const client = createClient({ ...connection, clientId, clientSecret, metadata })
    for (const shown of [
      inspect(registration, { showHidden: true }),
      JSON.stringify(registration),
      inspect({ ...client, auth: undefined }, { showHidden: true, depth: 5 }),
    ]) {
      expect(shown).not.toContain('directory-says')
      expect(shown).toContain('s6BhdRkqt3')
      expect(shown).not.toContain(registered.client_secret)
      expect(shown).not.toContain(registered.registration_access_token)
    }
  })

  test.each<[string, unknown]>([
    ['client_id', undefined],
    ['client_id', null],
    ['client_id', {}],
    ['client_id', { ...registered, client_id: 7 }],
    ['client_id', { ...registered, client_id: '' }],
    ['client_id', { ...registered, client_id: 'a\nb' }],
    ['client_secret', { ...registered, client_secret: ['a'] }],
    ['registration_access_token', { ...registered, registration_access_token: 'a\r\nx: y' }],
    ['registration_client_uri', { ...registered, registration_client_uri: '/register/1' }],
  ])('is refused by its %s: %j', (check, answer) => {
    expect(() => readClientInformation(answer)).toThrow(expect.objectContaining({ code: 'ERR_VALIDATION', check }))
  })

  test.each([0, null, '', -1, 'never', Number.MAX_SAFE_INTEGER])('has no known end with %j', end => {
    const { clientSecretExpiresAt } = readClientInformation({ ...registered, client_secret_expires_at: end })
    expect(clientSecretExpiresAt).toBeUndefined()
  })

  test('is one that can be used, or refused by name, whatever a server sent', () => {
    const member = fc.constantFrom(...Object.keys(registered), '__proto__', 'toString', 'jwks')
    const object = fc.dictionary(member, fc.oneof(fc.jsonValue(), fc.string(), fc.double(), fc.webUrl()))
    fc.assert(
      fc.property(fc.oneof(object, fc.jsonValue()), answer => {
        try {
          const { clientId, metadata, clientSecretExpiresAt = 0 } = readClientInformation(answer)
          expect(clientId).toMatch(/^[^\r\n]+$/)
          expect(new Date(clientSecretExpiresAt).getTime()).not.toBeNaN()
          expect(metadata).not.toHaveProperty('client_secret')
        } catch (error) {
          if (!isGrantKitError(error) || error.code !== 'ERR_VALIDATION') throw error
        }
      }),
    )
  })
})

describe('readRegistration', () => {
  test('asks with the registration access token, where the server said', async () => {
    const { connection, only } = serving([{ body: registered }])
    const registration = await readRegistration({ ...connection, registration: kept })
    expect(only()).toMatchObject({ method: 'GET', url: kept.registrationClientUri })
    expect(only().headers).toMatchObject({ authorization: 'Bearer rat-1' })
    expect(only().body).toBeUndefined()
    expect(registration.metadata.redirect_uris).toEqual(redirect_uris)
  })

  test('brings the token to use from now on: another one, or the one before', async () => {
    const { connection } = serving([
      { body: { ...registered, registration_access_token: 'rat-2', client_secret: 'rotated' } },
      { body: { client_id: kept.clientId } },
    ])
    const second = await readRegistration({ ...connection, registration: kept })
    expect(second).toMatchObject({ registrationAccessToken: 'rat-2', clientSecret: 'rotated' })
    const third = await readRegistration({ ...connection, registration: second })
    expect(third).toMatchObject({
      registrationAccessToken: 'rat-2',
      clientSecret: 'rotated',
      registrationClientUri: kept.registrationClientUri,
    })
  })

  test.each([
    'https://evil.example/register/1',
    'http://as.example.com/register/1',
    'https://as.example.com:8443/register/1',
    'https://user@as.example.com/register/1',
    'data:text/plain,1',
  ])('shows no token to %s', async registrationClientUri => {
    const { connection, requests } = serving([])
    const registration = { ...kept, registrationClientUri }
    for (const ask of [readRegistration, deleteRegistration])
      expect(await failure(ask({ ...connection, registration }))).toMatchObject({ code: 'ERR_ORIGIN' })
    const update = updateRegistration({ ...connection, registration, metadata: {} })
    expect(await failure(update)).toMatchObject({ code: 'ERR_ORIGIN' })
    expect(requests).toHaveLength(0)
  })

  test('refuses what is about another client', async () => {
    const { connection } = serving([{ body: { ...registered, client_id: 'another' } }])
    expect(await failure(readRegistration({ ...connection, registration: kept }))).toMatchObject({ check: 'client_id' })
  })

  test('shows neither token nor query when it is refused', async () => {
    const registration = { ...kept, registrationClientUri: `${registration_endpoint}?key=hidden-key` }
    const { connection } = serving([
      { status: 401, body: { error: 'invalid_token', error_description: 'rat-1 hidden' } },
    ])
    const error = await failure(readRegistration({ ...connection, registration }))
    expect(error).toMatchObject({ error: 'invalid_token', kind: 'terminal' })
    expect(inspect(error)).not.toMatch(/hidden-key|rat-1/)
  })

  test('goes with a token of the client where the server has it so, to where the provider says', async () => {
    const { connection, only } = serving([{ body: registered }], { clientUri: (endpoint, id) => `${endpoint}/${id}` })
    const registration = { clientId: kept.clientId, registrationClientUri: 'https://localhost/wrong' }
    await readRegistration({ ...connection, registration, accessToken: async () => 'application-token' })
    expect(only().url).toBe(`${registration_endpoint}/s6BhdRkqt3`)
    expect(only().headers).toMatchObject({ authorization: 'Bearer application-token' })
  })

  test.each([
    ['registration', { registration: undefined }],
    ['registration.clientId', { registration: { ...kept, clientId: undefined } }],
    ['registration.registrationAccessToken', { registration: { ...kept, registrationAccessToken: undefined } }],
    ['registration.registrationClientUri', { registration: { ...kept, registrationClientUri: undefined } }],
    ['accessToken', { registration: kept, accessToken: 7 }],
    ['metadata', { registration: kept, metadata: {} }],
  ])('names %s when it is wrong, and sends nothing', async (option, options) => {
    const { connection } = serving([])
    expect(await failure(readRegistration({ ...connection, ...(options as object) } as never))).toMatchObject({
      option,
    })
  })
})

describe('updateRegistration', () => {
  test('sends the whole registration with its id, and nothing that the server alone may say', async () => {
    const { connection, only } = serving([{ body: { ...registered, registration_access_token: 'rat-2' } }])
    const { metadata } = readClientInformation(registered)
    const updated = await updateRegistration({
      ...connection,
      registration: kept,
      metadata: { ...registered, ...metadata, client_id: 'another', client_secret: undefined, client_name: 'App' },
    })
    expect(only()).toMatchObject({ method: 'PUT', url: kept.registrationClientUri })
    expect(only().headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer rat-1' })
    expect(JSON.parse(String(only().body))).toEqual({
      client_id: kept.clientId,
      client_name: 'App',
      redirect_uris,
      token_endpoint_auth_method: 'client_secret_post',
    })
    expect(updated.registrationAccessToken).toBe('rat-2')
  })
})

describe('deleteRegistration', () => {
  test('is done with a 204, by the registration access token', async () => {
    const { connection, only } = serving([{ status: 204 }])
    expect(await deleteRegistration({ ...connection, registration: kept })).toBeUndefined()
    expect(only()).toMatchObject({ method: 'DELETE', url: kept.registrationClientUri })
    expect(only().headers).toMatchObject({ authorization: 'Bearer rat-1' })
    expect(only().headers).not.toHaveProperty('content-type')
  })

  test('says so where the server does not let clients go', async () => {
    const { connection } = serving([{ status: 405 }])
    expect(await failure(deleteRegistration({ ...connection, registration: kept }))).toMatchObject({
      serverStatus: 405,
    })
  })
})
