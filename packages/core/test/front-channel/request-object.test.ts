import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { compactDecrypt, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import type { ClientOptions } from '../../src/client.js'
import {
  type AuthorizationRequestOptions,
  createAuthorizationRequest,
} from '../../src/front-channel/authorization-request.js'
import type { RequestObjectOptions } from '../../src/front-channel/request-object.js'
import type { SigningAlgorithm } from '../../src/index.js'
import type { AuthorizationServerMetadata } from '../../src/metadata.js'
import type { Conform } from '../../src/provider.js'
import { signer } from '../../src/signer.js'
import { type Answer, answering, clientOf, failure, provider, refusal } from '../answering.js'
import { keyFor } from '../openid-server.js'

const redirectUri = 'https://app.example/cb'
const key = keyFor('PS256')
const ps256 = signer({ key: key.privateKey, alg: 'PS256', kid: 'k-1' })
const now = 1_760_000_000

interface Circumstances {
  readonly conform?: Conform
  readonly metadata?: Partial<AuthorizationServerMetadata>
  readonly client?: Partial<ClientOptions>
}

async function requested(
  options: Partial<AuthorizationRequestOptions> = {},
  { conform, metadata, client: more }: Circumstances = {},
) {
  const endpoints = {
    authorization_endpoint: 'https://as.example.com/authorize',
    jwks_uri: 'https://as.example.com/jwks',
  }
  const known = { ...endpoints, ...metadata }
  const client = clientOf(answering().transport, {
    provider: provider(conform, known),
    clock: { now: () => now * 1000 },
    ...more,
  })
  const requestObject = { signer: ps256 }
  const made = await createAuthorizationRequest(client, { redirectUri, requestObject, ...options })
  return { ...made, sent: Object.fromEntries(new URL(made.url).searchParams) }
}

async function read(jwt: string | undefined, by = key) {
  const options = { currentDate: new Date(now * 1000) }
  const { payload, protectedHeader } = await jwtVerify(jwt ?? '', createPublicKey(by.privateKey), options)
  return { payload, header: protectedHeader }
}

describe('a request object', () => {
  test('says who asks whom, and all that the request says, each as what it is', async () => {
    const { sent, transaction } = await requested({
      scope: 'openid accounts',
      responseType: 'code id_token',
      maxAgeSeconds: 60,
      resource: ['https://one.example/', 'https://two.example/'],
      openbankingIntentId: 'c-1',
      authorizationDetails: [{ type: 'payment' }],
      parameters: { p: '1' },
    })
    const { header, payload } = await read(sent.request)
    expect(header).toEqual({ typ: 'oauth-authz-req+jwt', alg: 'PS256', kid: 'k-1' })
    expect(payload).toEqual({
      iss: 'client-1',
      aud: 'https://as.example.com',
      jti: expect.stringMatching(/^[\da-f-]{36}$/),
      iat: now - 10,
      nbf: now - 10,
      exp: now + 300,
      client_id: 'client-1',
      redirect_uri: redirectUri,
      response_type: 'code id_token',
      scope: 'openid accounts',
      state: transaction.state,
      nonce: transaction.nonce,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      max_age: 60,
      resource: ['https://one.example/', 'https://two.example/'],
      claims: {
        id_token: { openbanking_intent_id: { value: 'c-1', essential: true } },
        userinfo: { openbanking_intent_id: { value: 'c-1', essential: true } },
      },
      authorization_details: [{ type: 'payment' }],
      p: '1',
    })
  })

  test('stands beside what OAuth and OpenID Connect want in the URL, and nothing else', async () => {
    const { sent, transaction, expiresAt } = await requested({ scope: 'openid', prompt: 'login', loginHint: 'ann' })
    expect(sent).toEqual({
      client_id: 'client-1',
      response_type: 'code',
      scope: 'openid',
      redirect_uri: redirectUri,
      state: transaction.state,
      nonce: transaction.nonce,
      request: expect.stringMatching(/^ey/),
    })
    expect(expiresAt).toBe((now + 300) * 1000)
  })

  test('has another jti each time', async () => {
    const [one, other] = await Promise.all([requested(), requested()])
    expect((await read(one?.sent.request)).payload.jti).not.toBe((await read(other?.sent.request)).payload.jti)
  })

  test('says what the provider says it should, and what the options say over that', async () => {
    const conform = { requestObject: { audience: 'https://as.example.com/token', typ: 'JWT', lifetimeSeconds: 900 } }
    const { payload, header } = await read((await requested({}, { conform })).sent.request)
    expect([payload.aud, header.typ, payload.exp]).toEqual(['https://as.example.com/token', 'JWT', now + 900])
    const requestObject = { signer: ps256, audience: 'other', typ: 'a+jwt', lifetimeSeconds: 60 }
    const own = await read((await requested({ requestObject }, { conform })).sent.request)
    expect([own.payload.aud, own.header.typ, own.payload.exp]).toEqual(['other', 'a+jwt', now + 60])
  })

  test('lives within the hour that FAPI allows, as long as it may', async () => {
    const requestObject = { signer: ps256, lifetimeSeconds: 3_540 }
    const { payload } = await read((await requested({ requestObject })).sent.request)
    expect(Number(payload.exp) - Number(payload.nbf)).toBeLessThanOrEqual(3_600)
  })

  test.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])('is signed by %s', async alg => {
    const other = keyFor(alg)
    const requestObject = { signer: signer({ key: other.privateKey, alg: alg as SigningAlgorithm }) }
    const { header } = await read((await requested({ requestObject })).sent.request, other)
    expect(header.alg).toBe(alg)
  })
})

describe('refused by name:', () => {
  const wrong: [option: string, options: object, circumstances?: Circumstances][] = [
    ['requestObject', { requestObject: undefined }, { metadata: { require_signed_request_object: true } }],
    ['requestObject', { requestObject: undefined }, { client: { metadata: { require_signed_request_object: true } } }],
    ['requestObject', { requestObject: 'ey' }],
    ['requestObject.signer', { requestObject: {} }],
    ['requestObject.signer', { requestObject: { signer: key.privateKey } }],
    ['requestObject.signer', {}, { client: { metadata: { request_object_signing_alg: 'ES256' } } }],
    ['requestObject.signer', {}, { metadata: { request_object_signing_alg_values_supported: ['ES256'] } }],
    ['requestObject.audience', { requestObject: { signer: ps256, audience: '' } }],
    ['requestObject.typ', { requestObject: { signer: ps256, typ: 7 } }],
    ['requestObject.lifetimeSeconds', { requestObject: { signer: ps256, lifetimeSeconds: 3_541 } }],
    ['requestObject.lifetimeSeconds', { requestObject: { signer: ps256, lifetimeSeconds: 0 } }],
    ['aud', { requestObject: { signer: ps256, aud: 'x' } satisfies object }],
  ]
  test.each(wrong)('%s in %o', async (option, options, circumstances) => {
    expect(await failure(requested(options, circumstances))).toMatchObject({ name: 'TypeError', option })
  })

  test.each([
    ['requestObject.audience', { audience: 7 }],
    ['requestObject.typ', { typ: '' }],
    ['requestObject.lifetimeSeconds', { lifetimeSeconds: 4_000 }],
    ['requestObject', 7],
  ])('%s of a provider', (option, requestObject) => {
    expect(refusal(() => provider({ requestObject: requestObject as never })).option).toBe(option)
  })
})

describe('an encrypted request object', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const x25519 = generateKeyPairSync('x25519')
  const jwk = (pair: { publicKey: KeyObject }, members: object) => ({
    ...pair.publicKey.export({ format: 'jwk' }),
    ...members,
  })
  const keys = [
    jwk({ publicKey: createPublicKey(keyFor('RS256').privateKey) }, { kid: 'signs', use: 'sig' }),
    jwk(generateKeyPairSync('rsa', { modulusLength: 2048 }), { kid: 'for both' }),
    jwk(generateKeyPairSync('rsa', { modulusLength: 2048 }), { kid: 'for another', use: 'enc', alg: 'RSA-OAEP-512' }),
    jwk(generateKeyPairSync('rsa', { modulusLength: 2048 }), { kid: 'decrypts', use: 'enc', key_ops: ['decrypt'] }),
    jwk(rsa, { kid: 'enc-rsa', use: 'enc' }),
    jwk(curve, { kid: 'enc-ec', use: 'enc', alg: 'ECDH-ES+A256KW' }),
    jwk(x25519, { kid: 'enc-x', use: 'enc', alg: 'ECDH-ES' }),
  ]
  const published = { jwks_uri: undefined, jwks: { keys } as never }

  test.each([
    ['RSA-OAEP-256', 'A256GCM', 'enc-rsa', rsa.privateKey],
    ['RSA-OAEP', undefined, 'enc-rsa', rsa.privateKey],
    ['ECDH-ES+A256KW', 'A128GCM', 'enc-ec', curve.privateKey],
    ['ECDH-ES', 'A256CBC-HS512', 'enc-x', x25519.privateKey],
  ] as const)('is for the key of the server that %s names', async (alg, enc, kid, privateKey) => {
    const requestObject = { signer: ps256, encrypt: { alg, enc } }
    const { sent, transaction } = await requested({ requestObject, loginHint: 'ann' }, { metadata: published })
    const { plaintext, protectedHeader } = await compactDecrypt(sent.request ?? '', privateKey)
    expect(protectedHeader).toMatchObject({ alg, enc: enc ?? 'A128CBC-HS256', cty: 'JWT', kid })
    const { payload, header } = await read(Buffer.from(plaintext).toString())
    expect(header).toMatchObject({ typ: 'oauth-authz-req+jwt', alg: 'PS256' })
    expect(payload).toMatchObject({ state: transaction.state, login_hint: 'ann' })
  })

  test('is so by what is registered, and by the client secret where that is', async () => {
    const metadata = { request_object_encryption_alg: 'dir', request_object_encryption_enc: 'A128GCM' }
    const secret = 'a secret of the client'
    const { sent } = await requested({}, { client: { metadata, clientSecret: secret } })
    const digest = createHash('sha256').update(secret).digest().subarray(0, 16)
    const { plaintext } = await compactDecrypt(sent.request ?? '', digest)
    expect((await read(Buffer.from(plaintext).toString())).payload).toMatchObject({ iss: 'client-1' })
  })

  test('is so by default with A128CBC-HS256, as registration has it', async () => {
    const client = { metadata: { request_object_encryption_alg: 'RSA-OAEP' } }
    const { sent } = await requested({}, { metadata: published, client })
    expect((await compactDecrypt(sent.request ?? '', rsa.privateKey)).protectedHeader.enc).toBe('A128CBC-HS256')
  })

  const toRsa = { requestObject: { signer: ps256, encrypt: { alg: 'RSA-OAEP' } } }

  test('is for a key that is fetched, once for many', async () => {
    const { transport, requests } = answering({ body: { keys } } satisfies Answer)
    const metadata = {
      authorization_endpoint: 'https://as.example.com/authorize',
      jwks_uri: 'https://as.example.com/jwks',
    }
    const client = clientOf(transport, { provider: provider({}, metadata) })
    for (let count = 0; count < 3; count++) {
      const { url } = await createAuthorizationRequest(client, { redirectUri, ...toRsa })
      expect(new URL(url).searchParams.get('request')?.split('.')).toHaveLength(5)
    }
    expect(requests).toHaveLength(1)
  })

  test('cannot be made without a key that fits, and nothing goes out', async () => {
    const only = { jwks_uri: undefined, jwks: { keys: keys.slice(0, 1) } as never }
    expect(await failure(requested(toRsa, { metadata: only }))).toMatchObject({
      code: 'ERR_REQUEST_OBJECT',
      message: expect.stringMatching(/could not be encrypted: .*no key to encrypt to by RSA-OAEP: its set has "signs"/),
      neverSent: true,
      retryable: true,
      cause: { check: 'jwks' },
    })
  })

  test('cannot be made while the keys cannot be had', async () => {
    const metadata = {
      authorization_endpoint: 'https://as.example.com/authorize',
      jwks_uri: 'https://as.example.com/jwks',
    }
    const { transport } = answering({ status: 503 }, { status: 503 })
    const client = clientOf(transport, { provider: provider({}, metadata) })
    expect(await failure(createAuthorizationRequest(client, { redirectUri, ...toRsa }))).toMatchObject({
      code: 'ERR_REQUEST_OBJECT',
      retryable: true,
      neverSent: true,
    })
  })

  const encrypt = (members: object) => ({ requestObject: { signer: ps256, encrypt: members as never } })
  const wrong: [option: string, options: object, circumstances?: Circumstances][] = [
    ['requestObject.encrypt', { requestObject: { signer: ps256, encrypt: true } }],
    ['requestObject.encrypt.alg', encrypt({})],
    ['requestObject.encrypt.alg', encrypt({ alg: 'RSA1_5' })],
    ['requestObject.encrypt.enc', encrypt({ alg: 'RSA-OAEP', enc: 'A256' })],
    ['key', encrypt({ alg: 'RSA-OAEP', key: 'x' })],
    ['jwks_uri', encrypt({ alg: 'RSA-OAEP' }), { metadata: { jwks_uri: undefined } }],
    ['clientSecret', encrypt({ alg: 'A256KW' })],
    [
      'requestObject.encrypt.alg',
      encrypt({ alg: 'RSA-OAEP' }),
      { metadata: { ...published, request_object_encryption_alg_values_supported: ['ECDH-ES'] } },
    ],
    [
      'metadata.request_object_encryption_enc',
      {},
      {
        metadata: { ...published, request_object_encryption_enc_values_supported: ['A256GCM'] },
        client: { metadata: { request_object_encryption_alg: 'RSA-OAEP' } },
      },
    ],
    [
      'metadata.request_object_encryption_alg',
      {},
      { client: { metadata: { request_object_encryption_alg: 'RSA1_5' } } },
    ],
    [
      'metadata.request_object_encryption_alg',
      {},
      { client: { metadata: { request_object_encryption_enc: 'A256GCM' } } },
    ],
  ]
  test.each(wrong)('is refused for %s in %o', async (option, options, circumstances) => {
    expect(await failure(requested(options, circumstances))).toMatchObject({ name: 'TypeError', option })
  })
})

test('what cannot be signed is told as a failure of the program, and nothing goes out', async () => {
  const away = signer({
    key: () => {
      throw new Error('the KMS is away')
    },
    alg: 'PS256',
  })
  const requestObject: RequestObjectOptions = { signer: away }
  expect(await failure(requested({ requestObject }))).toMatchObject({
    code: 'ERR_REQUEST_OBJECT',
    provider: 'example',
    retryable: true,
    neverSent: true,
    cause: { message: 'the KMS is away' },
  })
})
