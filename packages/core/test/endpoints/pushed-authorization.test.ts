import { describe, expect, test } from 'vitest'
import type { ClientOptions } from '../../src/client.js'
import { clientSecretBasic } from '../../src/client-auth/client-secret-basic.js'
import { none } from '../../src/client-auth/none.js'
import { privateKeyJwt } from '../../src/client-auth/private-key-jwt.js'
import { TransportError } from '../../src/errors.js'
import {
  type AuthorizationRequestOptions,
  createAuthorizationRequest,
} from '../../src/front-channel/authorization-request.js'
import type { AuthorizationServerMetadata } from '../../src/metadata.js'
import { signer } from '../../src/signer.js'
import { type Answer, answering, clientOf, failure, formOf, provider } from '../answering.js'
import { keyFor } from '../openid-server.js'

const par = 'https://as.example.com/par'
const known: Partial<AuthorizationServerMetadata> = {
  authorization_endpoint: 'https://as.example.com/authorize?p=own',
  pushed_authorization_request_endpoint: par,
  jwks_uri: 'https://as.example.com/jwks',
}
const pushed: Answer = { status: 201, body: { request_uri: 'urn:example:1', expires_in: 60 } }
const key = keyFor('PS256')
const now = 1_760_000_000_000

interface Circumstances {
  readonly options?: Partial<AuthorizationRequestOptions>
  readonly metadata?: Partial<AuthorizationServerMetadata>
  readonly client?: Partial<ClientOptions>
}

async function push(
  answers: readonly (Answer | Error)[],
  { options = { pushed: true }, metadata, client: more }: Circumstances = {},
) {
  const { transport, requests } = answering(...answers)
  const client = clientOf(transport, {
    provider: provider({}, { ...known, ...metadata }),
    clock: { now: () => now },
    auth: clientSecretBasic('s3cret'),
    ...more,
  })
  const request = createAuthorizationRequest(client, {
    redirectUri: 'https://app.example/cb',
    scope: 'openid',
    ...options,
  })
  return { request, requests }
}

describe('a pushed request', () => {
  test('leaves its name and the client in the URL, beside what the endpoint has of its own', async () => {
    const { request, requests } = await push([pushed])
    const { url, expiresAt, transaction } = await request
    expect(url).toBe('https://as.example.com/authorize?p=own&client_id=client-1&request_uri=urn%3Aexample%3A1')
    expect(expiresAt).toBe(now + 60_000)
    expect(requests).toHaveLength(1)
    expect(requests[0]).toMatchObject({ method: 'POST', url: par, headers: { accept: 'application/json' } })
    expect(formOf(requests[0] as never)).toMatchObject({
      client_id: 'client-1',
      response_type: 'code',
      state: transaction.state,
      nonce: transaction.nonce,
      code_challenge_method: 'S256',
    })
  })

  test.each([
    ['the server says so', { metadata: { require_pushed_authorization_requests: true } }],
    ['the client is registered so', { client: { metadata: { require_pushed_authorization_requests: true } } }],
  ])('is made where %s', async (_, circumstances) => {
    const { request, requests } = await push([pushed], { options: {}, ...circumstances })
    expect((await request).url).toContain('request_uri=')
    expect(requests).toHaveLength(1)
    const { request: open } = await push([], { options: { pushed: false }, ...circumstances })
    expect(await failure(open)).toMatchObject({ name: 'TypeError', option: 'pushed' })
  })

  test('is not made where nobody wants it, though the server could', async () => {
    const { request, requests } = await push([], { options: {} })
    expect((await request).url).toContain('code_challenge=')
    expect(requests).toEqual([])
  })

  test('is authenticated as the token request is', async () => {
    const basic = await push([pushed])
    await basic.request
    expect(basic.requests[0]?.headers.authorization).toMatch(/^Basic /)
    const open = await push([pushed], { client: { auth: none() } })
    await open.request
    expect(formOf(open.requests[0] as never).client_id).toBe('client-1')
    const byKey = await push([pushed], { client: { auth: privateKeyJwt({ key: key.privateKey, alg: 'PS256' }) } })
    await byKey.request
    expect(formOf(byKey.requests[0] as never)).toMatchObject({ client_assertion: expect.stringMatching(/^ey/) })
  })

  test('goes to the alias for certificates where there is one, and the browser does not', async () => {
    const alias = 'https://mtls.example.com/par'
    const { clientCertificate } = await import('../../src/certificate.js')
    const { issue } = await import('../fixtures/certificates.js')
    const { cert, key: certificateKey } = issue({ name: 'client' })
    const { request, requests } = await push([pushed], {
      metadata: { mtls_endpoint_aliases: { pushed_authorization_request_endpoint: alias } },
      client: {
        tls: { certificate: clientCertificate({ cert, key: certificateKey }) },
        clock: { now: () => Date.now() },
      },
    })
    expect((await request).url.startsWith('https://as.example.com/authorize?')).toBe(true)
    expect(requests[0]?.url).toBe(alias)
  })

  test('goes out once more where no answer came, with a request object that is new', async () => {
    const requestObject = { signer: signer({ key: key.privateKey, alg: 'PS256' }) }
    const lost = new TransportError('ERR_TRANSPORT', 'lost', { neverSent: false })
    const { request, requests } = await push([lost, pushed], { options: { pushed: true, requestObject } })
    expect((await request).url).toContain('request_uri=urn%3Aexample%3A1')
    const [first, second] = requests.map(request => formOf(request).request)
    expect(first).not.toBe(second)
  })

  test('holds a request object alone, beside the credentials of the client', async () => {
    const requestObject = { signer: signer({ key: key.privateKey, alg: 'PS256' }) }
    const { request, requests } = await push([pushed], { options: { pushed: true, requestObject } })
    await request
    expect(Object.keys(formOf(requests[0] as never))).toEqual(['request'])
  })

  test('that is refused is refused as at the token endpoint, and shows no secret of it', async () => {
    const refusal: Answer = { status: 400, body: { error: 'invalid_request', error_description: 'redirect_uri' } }
    const { request, requests } = await push([refusal])
    expect(await failure(request)).toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      serverStatus: 400,
      error: 'invalid_request',
      kind: 'terminal',
    })
    expect(requests).toHaveLength(1)
    const echoing = await push([{ status: 400, body: { error: 'invalid_request', error_description: 'code missing' } }])
    expect(await failure(echoing.request)).toMatchObject({ error_description: 'code missing' })
  })

  test('goes out again with another assertion where the first was stale', async () => {
    const stale: Answer = { status: 400, body: { error: 'stale' } }
    const { transport, requests } = answering(stale, pushed)
    const client = clientOf(transport, {
      provider: provider({ classifyError: () => 'stale_assertion' }, known),
      auth: privateKeyJwt({ key: key.privateKey, alg: 'PS256' }),
    })
    await createAuthorizationRequest(client, { redirectUri: 'https://app.example/cb', pushed: true })
    const [first, second] = requests.map(request => formOf(request).client_assertion)
    expect(first).not.toBe(second)
  })

  test.each([
    [{}],
    [{ request_uri: '' }],
    [{ request_uri: 7 }],
    [{ request_uri: 'no uri' }],
    [{ request_uri: 'urn:a b' }],
    [{ request_uri: `urn:${'a'.repeat(3_000)}` }],
    [[]],
  ])('is not used where the answer is %j', async body => {
    const { request } = await push([{ status: 201, body }])
    expect(await failure(request)).toMatchObject({ code: 'ERR_VALIDATION', check: 'request_uri' })
  })

  test.each([
    ['90', now + 90_000],
    [undefined, undefined],
    [0, undefined],
    [-1, undefined],
    ['soon', undefined],
    [Number.MAX_SAFE_INTEGER, undefined],
  ])('lives as long as is said: %s', async (expires_in, expiresAt) => {
    const { request } = await push([{ status: 200, body: { request_uri: 'urn:r', expires_in } }])
    expect((await request).expiresAt).toBe(expiresAt)
  })

  test('needs the endpoint, and an authorization endpoint before anything is pushed', async () => {
    const nowhere = await push([], { metadata: { pushed_authorization_request_endpoint: undefined } })
    expect(await failure(nowhere.request)).toMatchObject({ option: 'pushed_authorization_request_endpoint' })
    const { request, requests } = await push([], { metadata: { authorization_endpoint: undefined } })
    expect(await failure(request)).toMatchObject({ option: 'authorization_endpoint' })
    expect(requests).toEqual([])
  })
})
