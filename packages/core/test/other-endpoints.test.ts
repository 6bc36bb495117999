/** What the seam can do beside the token endpoint: endpoints that no module of ours calls yet, at a real server. */
import type { IncomingMessage, RequestListener } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { json, jwt, nothing } from '../src/answer-shape.js'
import { clientCertificate } from '../src/certificate.js'
import { type ClientOptions, createClient } from '../src/client.js'
import { privateKeyJwt } from '../src/client-auth/private-key-jwt.js'
import { defineProvider } from '../src/define-provider.js'
import { sendToEndpoint } from '../src/endpoint.js'
import type { EndpointRequest, Outgoing } from '../src/endpoint-request.js'
import { AuthorizationServerError, TokenResponseError, ValidationError } from '../src/errors.js'
import type { AuthorizationServerMetadata, EndpointName } from '../src/metadata.js'
import type { Conform, Refusal } from '../src/provider.js'
import { encodeForm, encodeJson } from '../src/request-encoding.js'
import { answering, failure } from './answering.js'
import { issue } from './fixtures/certificates.js'
import { ca, httpsServer, localhost } from './fixtures/servers.js'

interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** Of the client's certificate. */
  readonly certificate: string | undefined
}

interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A server that gives each path its answers in turn, the last one again and again, and keeps what it was asked. */
async function serving(answers: Readonly<Record<string, readonly Reply[]>>) {
  const requests: Received[] = []
  const handle: RequestListener = async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const path = String(request.url)
    const socket = request.socket as import('node:tls').TLSSocket
    const { method = '', headers } = request
    const certificate = [socket.getPeerCertificate()?.subject?.CN].flat()[0]
    const before = requests.filter(one => one.path === path).length
    requests.push({ method, path, headers, body: Buffer.concat(chunks).toString(), certificate })
    const replies = answers[path] ?? [{ status: 404 }]
    const { status = 200, headers: extra = {}, body = '' } = replies[Math.min(before, replies.length - 1)] as Reply
    response.writeHead(status, extra).end(body)
  }
  const options = {
    requestCert: true,
    rejectUnauthorized: false,
    ca: ca.cert,
    cert: localhost.cert,
    key: localhost.key,
  }
  const { port } = await httpsServer(handle, options)
  return { requests, origin: `https://localhost:${port}` }
}

type Server = Awaited<ReturnType<typeof serving>>

function clientOf(
  { origin }: Pick<Server, 'origin'>,
  metadata: Partial<AuthorizationServerMetadata> = {},
  { conform, ...options }: Partial<ClientOptions> & { readonly conform?: Conform } = {},
) {
  const provider = defineProvider({
    name: 'example',
    metadata: { issuer: origin, token_endpoint: `${origin}/token`, ...metadata },
    conform,
  })
  const tls = { ca: ca.cert, ...options.tls }
  const client = createClient({ provider, clientId: 'client-1', clientSecret: 's3cret', ...options, tls })
  onTestFinished(() => client.close())
  return client
}

/** What a call of one endpoint with one parameter needs at least. */
function request<T>(endpoint: EndpointName, accepts: EndpointRequest<T>['accepts'], more: object = {}) {
  const parameters = () => ({ token: 'at-1' })
  return { endpoint, accepts, parameters, resend: 'always', ...more } satisfies EndpointRequest<T>
}

const asItIs = json(async ({ body }) => body)
const basic = `Basic ${Buffer.from('client-1:s3cret').toString('base64')}`
const bearer = (token: string) => ({
  method: 'bearer',
  authenticate: async (parameters: object) => ({
    parameters: parameters as Record<string, string>,
    headers: { authorization: `Bearer ${token}` },
    secrets: [token],
  }),
})

describe('a request to another endpoint', () => {
  test('goes there with the client authenticated, and is done at an empty 200', async () => {
    const server = await serving({ '/revoke': [{}] })
    const client = clientOf(server, { revocation_endpoint: `${server.origin}/revoke` })
    expect(await sendToEndpoint(client, request('revocation_endpoint', [nothing()]))).toBeUndefined()
    expect(server.requests).toMatchObject([
      {
        method: 'POST',
        path: '/revoke',
        headers: { authorization: basic, accept: 'application/json', 'user-agent': 'grantkit/0.0.0' },
        body: 'token=at-1',
      },
    ])
  })

  test.each(['OK', '<html>', '{"revoked":true}'])('wants no body, and looks at none: %s', async body => {
    const server = await serving({ '/revoke': [{ body }] })
    const client = clientOf(server, { revocation_endpoint: `${server.origin}/revoke` })
    expect(await sendToEndpoint(client, request('revocation_endpoint', [nothing()]))).toBeUndefined()
  })

  test('takes any status of success', async () => {
    const body = JSON.stringify({ request_uri: 'urn:r', expires_in: 60 })
    const server = await serving({ '/par': [{ status: 201, body }] })
    const client = clientOf(server, { pushed_authorization_request_endpoint: `${server.origin}/par` })
    const answer = await sendToEndpoint(client, request('pushed_authorization_request_endpoint', [asItIs]))
    expect(answer).toEqual({ request_uri: 'urn:r', expires_in: 60 })
  })

  test('asks for a JWT, and takes JSON as well where it says so', async () => {
    const signed = 'eyJhbGciOiJFUzI1NiJ9.eyJhY3RpdmUiOnRydWV9.c2lnbmF0dXJl'
    const mediaType = 'application/token-introspection+jwt'
    const server = await serving({
      '/introspect': [{ headers: { 'content-type': mediaType }, body: `${signed}\n` }, { body: '{"active":false}' }],
    })
    const client = clientOf(server, { introspection_endpoint: `${server.origin}/introspect` })
    const ask = () =>
      sendToEndpoint(client, request('introspection_endpoint', [jwt(mediaType, async text => ({ jwt: text })), asItIs]))
    expect(await ask()).toEqual({ jwt: signed })
    expect(await ask()).toEqual({ active: false })
    expect(server.requests[0]?.headers.accept).toBe(`${mediaType}, application/json`)
  })

  test('takes an encrypted JWT too, and nothing else for one', async () => {
    const encrypted = 'eyJhbGciOiJkaXIifQ..aXY.dGV4dA.dGFn'
    const server = await serving({
      '/userinfo': [{ body: encrypted }, { body: 'a.b' }, { body: '{"sub":"alice"}' }, {}],
    })
    const client = clientOf(server, { userinfo_endpoint: `${server.origin}/userinfo` })
    const shapes = [jwt('application/jwt', async text => text)]
    const ask = () => sendToEndpoint(client, request('userinfo_endpoint', shapes))
    expect(await ask()).toBe(encrypted)
    for (const problem of ['something else', 'something else', 'status 200 without a body']) {
      const error = await failure(ask())
      expect(error).toBeInstanceOf(TokenResponseError)
      expect(error.message).toContain(`expected a JWT, got ${problem}`)
      expect(error.message).not.toContain('alice')
    }
  })

  test('is refused by what reads its answer', async () => {
    const server = await serving({ '/userinfo': [{ body: '{"sub":"mallory"}' }] })
    const client = clientOf(server, { userinfo_endpoint: `${server.origin}/userinfo` })
    const wanted = json(async ({ body }) => {
      if (Object(body).sub !== 'alice') throw new ValidationError('sub', 'the answer is about somebody else')
    })
    const error = await failure(sendToEndpoint(client, request('userinfo_endpoint', [wanted])))
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', check: 'sub' })
    expect(error.message).toContain(`POST ${server.origin}/userinfo answered 200`)
  })
})

describe('a request with an access token', () => {
  const ask = (server: Server) => {
    const client = clientOf(server, { userinfo_endpoint: `${server.origin}/userinfo` })
    const more = { method: 'GET', auth: bearer('at-marker'), parameters: undefined }
    return sendToEndpoint(client, request('userinfo_endpoint', [asItIs], more))
  }

  test('is a GET that carries the token and nothing of the client', async () => {
    const server = await serving({ '/userinfo': [{ body: '{"sub":"alice"}' }] })
    expect(await ask(server)).toEqual({ sub: 'alice' })
    const [got] = server.requests
    expect(got).toMatchObject({ method: 'GET', headers: { authorization: 'Bearer at-marker' }, body: '' })
    expect(got?.headers).not.toHaveProperty('content-type')
  })

  test("is refused in the header, as an API refuses; it is no word about the client's credentials", async () => {
    const challenge = 'Bearer realm="a", error="invalid_token", error_description="at-marker is over"'
    const server = await serving({ '/userinfo': [{ status: 401, headers: { 'www-authenticate': challenge } }] })
    const error = await failure<AuthorizationServerError>(ask(server))
    expect(error).toMatchObject({ serverStatus: 401, error: 'invalid_token', kind: 'terminal' })
    expect(error.error_description).toBe('[redacted] is over')
    expect(error.message).toContain(`GET ${server.origin}/userinfo answered 401`)
  })

  test('is refused without a reason', async () => {
    expect(await failure(ask(await serving({ '/userinfo': [{ status: 401 }] })))).toMatchObject({
      error: undefined,
      kind: 'terminal',
    })
  })

  test('may carry none: a key set is asked for by anybody', async () => {
    const server = await serving({ '/jwks': [{ body: '{"keys":[]}' }] })
    const client = clientOf(server, { jwks_uri: `${server.origin}/jwks` })
    const nobody = { method: 'none', authenticate: async () => ({ parameters: {}, headers: {} }) }
    expect(await sendToEndpoint(client, request('jwks_uri', [asItIs], { method: 'GET', auth: nobody }))).toEqual({
      keys: [],
    })
    expect(server.requests[0]?.headers).not.toHaveProperty('authorization')
  })
})

describe('a refusal of another endpoint', () => {
  const body = JSON.stringify({ error: 'invalid_request', error_description: 'at-1 is unknown' })

  test('is one of the authorization server, told with the URL and without what was sent', async () => {
    const server = await serving({ '/revoke': [{ status: 400, body }] })
    const client = clientOf(server, { revocation_endpoint: `${server.origin}/revoke` })
    const error = await failure(sendToEndpoint(client, request('revocation_endpoint', [nothing()])))
    expect(error).toBeInstanceOf(AuthorizationServerError)
    expect(error).toMatchObject({ serverStatus: 400, error: 'invalid_request', kind: 'terminal' })
    expect(error.message).toBe(
      `example refused with 400 (invalid_request: [redacted] is unknown); POST ${server.origin}/revoke answered 400`,
    )
  })

  test('with status 200 is one too, where no body is wanted', async () => {
    const server = await serving({ '/revoke': [{ body }] })
    const client = clientOf(server, { revocation_endpoint: `${server.origin}/revoke` })
    expect(await failure(sendToEndpoint(client, request('revocation_endpoint', [nothing()])))).toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      serverStatus: 200,
    })
  })

  test('of client credentials is known as such', async () => {
    const server = await serving({ '/introspect': [{ status: 401 }] })
    const client = clientOf(server, { introspection_endpoint: `${server.origin}/introspect` })
    expect(await failure(sendToEndpoint(client, request('introspection_endpoint', [asItIs])))).toMatchObject({
      kind: 'invalid_client',
    })
  })

  test('is read by the provider, which learns where it was and of no grant', async () => {
    const seen: Refusal[] = []
    const classifyError: Conform['classifyError'] = refusal => {
      seen.push(refusal)
      return 'transient'
    }
    const server = await serving({ '/revoke': [{ status: 400, body }] })
    const client = clientOf(server, { revocation_endpoint: `${server.origin}/revoke` }, { conform: { classifyError } })
    const error = await failure(sendToEndpoint(client, request('revocation_endpoint', [nothing()])))
    expect(error).toMatchObject({ kind: 'transient', retryable: true })
    expect(seen).toMatchObject([{ endpoint: 'revocation_endpoint', status: 400, error: 'invalid_request' }])
    expect(seen[0]?.grantType).toBeUndefined()
  })
})

describe('where an endpoint is', () => {
  test('is its mutual-TLS alias for a client with a certificate', async () => {
    const [main, mtls] = [await serving({ '/revoke': [{}] }), await serving({ '/revoke': [{}] })]
    const metadata = {
      revocation_endpoint: `${main.origin}/revoke`,
      mtls_endpoint_aliases: { revocation_endpoint: `${mtls.origin}/revoke` },
    }
    const { cert, key } = issue({ name: 'client-1', issuer: ca })
    const certificate = clientCertificate({ cert, key })
    const known = clientOf(main, metadata, { tls: { certificate } })
    await sendToEndpoint(known, request('revocation_endpoint', [nothing()]))
    expect(mtls.requests).toMatchObject([{ path: '/revoke', certificate: 'client-1' }])
    expect(main.requests).toEqual([])
    await sendToEndpoint(clientOf(main, metadata), request('revocation_endpoint', [nothing()]))
    expect(main.requests).toHaveLength(1)
  })

  test('is told by name when the metadata lacks it, and nothing is sent', async () => {
    const { transport, requests } = answering()
    const client = clientOf({ origin: 'https://as.example.com' }, {}, { transport })
    const error = await failure(sendToEndpoint(client, request('revocation_endpoint', [nothing()])))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ code: 'ERR_OPTION', option: 'revocation_endpoint' })
    expect(error.message).toBe(
      'revocation_endpoint: is not in the metadata of example; if the server has one, name it there',
    )
    expect(requests).toEqual([])
  })

  test.each([
    [{ revocation_endpoint: 'http://as.example.com/revoke' }, 'revocation_endpoint'],
    [{ revocation_endpoint: '/revoke' }, 'revocation_endpoint'],
    [
      { mtls_endpoint_aliases: { revocation_endpoint: 'http://mtls.example.com/revoke' } },
      'mtls_endpoint_aliases.revocation_endpoint',
    ],
  ])('is refused where no credential may go: %j', async (metadata, option) => {
    const { transport, requests } = answering()
    const { cert, key } = issue({ name: 'client-1', issuer: ca })
    const tls = { certificate: clientCertificate({ cert, key }) }
    const client = clientOf({ origin: 'https://as.example.com' }, metadata, { transport, tls })
    expect(await failure(sendToEndpoint(client, request('revocation_endpoint', [nothing()])))).toMatchObject({ option })
    expect(requests).toEqual([])
  })

  test('stays where the token endpoint is not, though refreshes go elsewhere', async () => {
    const server = await serving({ '/revoke': [{}] })
    const metadata = { revocation_endpoint: `${server.origin}/revoke` }
    const client = clientOf(server, metadata, { conform: { refreshEndpoint: 'https://gateway.example.com/token' } })
    const more = { grantType: 'refresh_token' }
    await sendToEndpoint(client, request('revocation_endpoint', [nothing()], more))
    expect(server.requests).toHaveLength(1)
  })
})

describe("a provider's facts", () => {
  test('know which endpoint they are about: encoding, reading, names, and the audience of an assertion', async () => {
    const server = await serving({
      '/bc': [{ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'authReqId=a1&interval=5' }],
      '/par': [{ body: '{"request_uri":"urn:r"}' }],
    })
    const conform: Conform = {
      encodeRequest: (parameters, { endpoint }) =>
        endpoint === 'backchannel_authentication_endpoint' ? encodeJson(parameters) : encodeForm(parameters),
      responseEncoding: ({ endpoint }) => (endpoint === 'backchannel_authentication_endpoint' ? 'form' : 'json'),
      mapResponse: (body, { endpoint }) =>
        endpoint === 'backchannel_authentication_endpoint' ? { auth_req_id: Object(body).authReqId } : body,
      mapTokenResponse: () => 'of the token endpoint alone',
      clientAssertion: { audience: (url, name) => `${name} at ${url}` },
    }
    const metadata = {
      backchannel_authentication_endpoint: `${server.origin}/bc`,
      pushed_authorization_request_endpoint: `${server.origin}/par`,
    }
    const auth = privateKeyJwt({ key: issue({ name: 'key' }).key, alg: 'ES256' })
    const client = clientOf(server, metadata, { conform, auth, clientSecret: undefined as never })
    const bc = await sendToEndpoint(client, request('backchannel_authentication_endpoint', [asItIs]))
    const par = await sendToEndpoint(client, request('pushed_authorization_request_endpoint', [asItIs]))
    expect([bc, par]).toEqual([{ auth_req_id: 'a1' }, { request_uri: 'urn:r' }])
    const [first, second] = server.requests as [Received, Received]
    const assertion = JSON.parse(first.body).client_assertion as string
    const claims = JSON.parse(Buffer.from(assertion.split('.')[1] as string, 'base64url').toString())
    expect(claims.aud).toBe(`backchannel_authentication_endpoint at ${server.origin}/bc`)
    expect(second.headers['content-type']).toBe('application/x-www-form-urlencoded')
  })

  test('that cannot read an answer are told, without the answer', async () => {
    const server = await serving({ '/par': [{ body: '{"marker":1}' }] })
    const mapResponse = () => {
      throw new Error('marker')
    }
    const metadata = { pushed_authorization_request_endpoint: `${server.origin}/par` }
    const client = clientOf(server, metadata, { conform: { mapResponse } })
    const error = await failure(sendToEndpoint(client, request('pushed_authorization_request_endpoint', [asItIs])))
    expect(error).toMatchObject({ code: 'ERR_TOKEN_RESPONSE', provider: 'example' })
    expect(error.message).toContain('expected what mapResponse() can read')
    expect(error.message).not.toContain('marker')
  })

  test('give way to a body that the request writes itself', async () => {
    const server = await serving({ '/register': [{ status: 201, body: '{"client_id":"c"}' }] })
    const client = clientOf(server, { registration_endpoint: `${server.origin}/register` })
    const encode = () => ({ contentType: 'application/json', body: '{"redirect_uris":["https://app.example/cb"]}' })
    const more = { encode, auth: bearer('initial') }
    expect(await sendToEndpoint(client, request('registration_endpoint', [asItIs], more))).toEqual({ client_id: 'c' })
    expect(server.requests).toMatchObject([
      { headers: { 'content-type': 'application/json' }, body: '{"redirect_uris":["https://app.example/cb"]}' },
    ])
  })
})

describe('what is done right before sending', () => {
  test('adds headers to that very attempt, and sees the headers of the answer before', async () => {
    const refused = JSON.stringify({ error: 'use_dpop_nonce' })
    const server = await serving({
      '/par': [{ status: 400, headers: { 'dpop-nonce': 'n-1' }, body: refused }, { body: '{"request_uri":"urn:r"}' }],
    })
    const conform: Conform = {
      classifyError: ({ error }, standard) => (error === 'use_dpop_nonce' ? 'stale_assertion' : standard),
    }
    const metadata = { pushed_authorization_request_endpoint: `${server.origin}/par` }
    const seen: (string | null | undefined)[] = []
    const beforeSending = async ({ method, url, answered }: Outgoing) => {
      seen.push(answered?.get('dpop-nonce'))
      return { dpop: `${method} ${new URL(url).pathname} ${seen.at(-1)}` }
    }
    const client = clientOf(server, metadata, { conform })
    await sendToEndpoint(client, request('pushed_authorization_request_endpoint', [asItIs], { beforeSending }))
    expect(seen).toEqual([undefined, 'n-1'])
    expect(server.requests.map(({ headers }) => headers.dpop)).toEqual(['POST /par undefined', 'POST /par n-1'])
  })

  test('is shown in no error, should the server repeat it', async () => {
    const body = JSON.stringify({ error: 'invalid_request', error_description: 'got proof-marker' })
    const server = await serving({ '/par': [{ status: 400, body }] })
    const client = clientOf(server, { pushed_authorization_request_endpoint: `${server.origin}/par` })
    const beforeSending = async () => ({ dpop: 'proof-marker' })
    const error = await failure(
      sendToEndpoint(client, request('pushed_authorization_request_endpoint', [asItIs], { beforeSending })),
    )
    expect(error.message).toContain('got [redacted]')
  })
})
