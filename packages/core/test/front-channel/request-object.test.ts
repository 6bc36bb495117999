import { createPublicKey } from 'node:crypto'
import { jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import type { ClientOptions } from '../../src/client.js'
import {
  type AuthorizationRequestOptions,
  createAuthorizationRequest,
} from '../../src/front-channel/authorization-request.js'
import type { RequestObjectOptions } from '../../src/front-channel/request-object.js'
import type { SigningAlgorithm } from '../../src/index.js'
import { signer } from '../../src/keys.js'
import type { AuthorizationServerMetadata } from '../../src/metadata.js'
import type { Conform } from '../../src/provider.js'
import { answering, clientOf, failure, provider, refusal } from '../answering.js'
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
