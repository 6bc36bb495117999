import { describe, expect, test } from 'vitest'
import { json, jwt } from '../src/answer-shape.js'
import { clientSecretBasic } from '../src/client-auth/client-secret-basic.js'
import { clientSecretJwt } from '../src/client-auth/client-secret-jwt.js'
import { clientSecretPost } from '../src/client-auth/client-secret-post.js'
import { none } from '../src/client-auth/none.js'
import { privateKeyJwt } from '../src/client-auth/private-key-jwt.js'
import { defineProvider } from '../src/define-provider.js'
import { discoverMetadata } from '../src/discovery.js'
import { sendToEndpoint } from '../src/endpoint.js'
import type { EndpointRequest } from '../src/endpoint-request.js'
import { requestTokenSet } from '../src/endpoints/token.js'
import { AuthorizationServerError, GrantKitError, TokenResponseError, TransportError } from '../src/errors.js'
import { authorizationCode } from '../src/grants/authorization-code.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import type { Grant } from '../src/grants/grant.js'
import { refreshToken } from '../src/grants/refresh-token.js'
import { optionError } from '../src/options.js'
import type { Conform, Refusal } from '../src/provider.js'
import { keepReceived } from '../src/received.js'
import { type Answer, answering, clientOf, endpoint, failure, formOf, granted, issuer, provider } from './answering.js'

const grants: Readonly<Record<string, Grant>> = {
  client_credentials: clientCredentials(),
  refresh_token: refreshToken({ refreshToken: 'rt-1' }),
  authorization_code: authorizationCode({ code: 'code-1' }),
}
const neverSent = () => new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true })
const lost = () => new TransportError('ERR_TRANSPORT', 'reset', { neverSent: false })

async function ask(answers: (Answer | Error)[], grant: Grant = grants.client_credentials as Grant, conform?: Conform) {
  const { transport, requests } = answering(...answers)
  const client = clientOf(transport, { provider: provider(conform), auth: clientSecretPost('s3cret') })
  const error = await requestTokenSet(client, grant).then(
    () => undefined,
    (error: GrantKitError & Partial<Omit<AuthorizationServerError, keyof GrantKitError>>) => error,
  )
  return { error, requests, count: requests.length }
}

describe('a request', () => {
  test('is a form that asks for JSON', async () => {
    const { requests } = await ask([granted])
    expect(requests).toEqual([
      {
        method: 'POST',
        url: 'https://as.example.com/token',
        headers: {
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded',
          'user-agent': 'grantkit/0.0.0',
        },
        body: 'grant_type=client_credentials&client_id=client-1&client_secret=s3cret',
        fresh: false,
        // of its deadline
        signal: expect.any(AbortSignal),
      },
    ])
  })

  for (const [grantType, fresh] of [
    ['client_credentials', false],
    ['refresh_token', true],
    ['authorization_code', true],
  ] as const)
    test(`with ${grantType} goes over ${fresh ? 'a connection of its own' : 'whichever connection there is'}`, async () => {
      expect((await ask([granted], grants[grantType])).requests).toMatchObject([{ fresh }])
    })

  test("is written as the provider's own encoding has it", async () => {
    const encodeRequest = () => ({ contentType: 'application/json', body: '{"a":1}' })
    const { requests } = await ask([granted], grants.client_credentials, { encodeRequest })
    expect(requests[0]).toMatchObject({ headers: { 'content-type': 'application/json' }, body: '{"a":1}' })
  })
})

describe('a request is repeated once', () => {
  for (const grantType of ['client_credentials', 'refresh_token'])
    test(`with ${grantType} when it never left`, async () => {
      expect(await ask([neverSent(), granted], grants[grantType])).toMatchObject({ error: undefined, count: 2 })
      expect(await ask([neverSent(), neverSent(), granted], grants[grantType])).toMatchObject({
        error: { code: 'ERR_TRANSPORT', provider: 'example' },
        count: 2,
      })
    })

  test('with client_credentials when its answer was lost', async () => {
    expect(await ask([lost(), granted])).toMatchObject({ error: undefined, count: 2 })
  })

  test('after an error of another installed copy', async () => {
    const foreign = Object.assign(new Error('no route'), { code: 'ERR_TRANSPORT', retryable: true, neverSent: true })
    Object.defineProperty(foreign, Symbol.for('@grantkit/error'), { value: true })
    expect(await ask([foreign, granted], grants.refresh_token)).toMatchObject({ error: undefined, count: 2 })
  })
})

describe('a request is sent once', () => {
  test('with refresh_token when its answer was lost', async () => {
    expect(await ask([lost(), granted], grants.refresh_token)).toMatchObject({
      error: { code: 'ERR_TRANSPORT', neverSent: false },
      count: 1,
    })
  })

  for (const [name, error] of [
    ['never left', neverSent()],
    ['got no answer', lost()],
  ] as const)
    test(`with authorization_code, even when it ${name}`, async () => {
      expect(await ask([error, granted], grants.authorization_code)).toMatchObject({ error, count: 1 })
    })

  for (const code of ['ERR_TRANSPORT_TIMEOUT', 'ERR_TRANSPORT_TLS', 'ERR_TRANSPORT_CLOSED'] as const)
    test(`when the transport failed with ${code}`, async () => {
      expect(await ask([new TransportError(code, 'x', { neverSent: true }), granted])).toMatchObject({
        error: { code },
        count: 1,
      })
    })

  test('when a repetition cannot help', async () => {
    const error = new TransportError('ERR_TRANSPORT', 'x', { neverSent: true, retryable: false })
    expect(await ask([error, granted])).toMatchObject({ error, count: 1 })
  })

  for (const status of [400, 401, 403, 429, 500, 503])
    test(`when the server refused with ${status}`, async () => {
      const { error, count } = await ask([{ status, body: { error: 'no' } }, granted])
      expect(error).toBeInstanceOf(AuthorizationServerError)
      expect(count).toBe(1)
    })

  test('when the answer was empty or garbage', async () => {
    expect((await ask([{}, granted])).count).toBe(1)
    expect((await ask([{ body: '<html>' }, granted])).count).toBe(1)
  })
})

describe('a stale assertion', () => {
  const stale: Answer = { status: 400, body: { error: 'invalid_request', error_description: 'has been replayed' } }
  const classifyError: Conform['classifyError'] = ({ errorDescription = '' }, standard) =>
    /replayed/.test(errorDescription) ? 'stale_assertion' : standard

  async function jtis(answers: Answer[], grant: Grant) {
    const { transport, requests } = answering(...answers)
    const auth = clientSecretJwt('s'.repeat(32), { alg: 'HS256' })
    const client = clientOf(transport, { provider: provider({ classifyError }), auth })
    const outcome = await requestTokenSet(client, grant).then(
      () => 'granted',
      (error: AuthorizationServerError) => error.kind,
    )
    const ids = requests.map(request => {
      const payload = formOf(request).client_assertion?.split('.')[1] ?? ''
      return JSON.parse(Buffer.from(payload, 'base64url').toString()).jti as string
    })
    return { outcome, sent: ids.length, different: new Set(ids).size }
  }

  for (const grantType of ['client_credentials', 'refresh_token'])
    test(`is replaced by a new one, once, with ${grantType}`, async () => {
      const grant = grants[grantType] as Grant
      expect(await jtis([stale, granted], grant)).toEqual({ outcome: 'granted', sent: 2, different: 2 })
      expect(await jtis([stale, stale, granted], grant)).toEqual({ outcome: 'stale_assertion', sent: 2, different: 2 })
    })

  test('is never replaced for an authorization code', async () => {
    const outcome = await jtis([stale, granted], grants.authorization_code as Grant)
    expect(outcome).toEqual({ outcome: 'stale_assertion', sent: 1, different: 1 })
  })

  test('is not what the RFC reads out of a 400', async () => {
    expect(await ask([stale, granted])).toMatchObject({ error: { kind: 'terminal' }, count: 1 })
  })
})

describe('a refusal is read by its status first', () => {
  const kinds: readonly [status: number, error: string | undefined, kind: string][] = [
    [400, 'invalid_grant', 'invalid_grant'],
    [200, 'invalid_grant', 'invalid_grant'],
    [500, 'invalid_grant', 'transient'],
    [400, 'invalid_client', 'invalid_client'],
    [401, 'invalid_client', 'invalid_client'],
    [400, 'unauthorized_client', 'invalid_client'],
    [401, undefined, 'invalid_client'],
    [401, 'access_denied', 'invalid_client'],
    [401, '10002', 'invalid_client'],
    [401, 'Bad client assertion, no token for it', 'invalid_client'],
    [401, 'invalid_grant', 'invalid_grant'],
    [403, 'invalid_grant', 'invalid_grant'],
    [401, 'invalid_token', 'terminal'],
    [401, 'expired_code', 'terminal'],
    [401, 'invalid_request', 'terminal'],
    [403, 'invalid_code', 'terminal'],
    [400, 'invalid_request', 'terminal'],
    [400, 'invalid_scope', 'invalid_scope'],
    [400, 'invalid_target', 'invalid_scope'],
    [400, 'constructor', 'terminal'],
    [400, '__proto__', 'terminal'],
    [400, 'authorization_pending', 'pending'],
    [428, 'authorization_pending', 'pending'],
    [400, 'slow_down', 'pending'],
    [429, 'slow_down', 'transient'],
    [400, 'access_denied', 'denied'],
    [403, 'access_denied', 'denied'],
    [400, 'interaction_required', 'interaction_required'],
    [400, 'login_required', 'interaction_required'],
    [401, 'consent_required', 'interaction_required'],
    [400, 'account_selection_required', 'interaction_required'],
    [400, 'unmet_authentication_requirements', 'interaction_required'],
    [400, 'server_error', 'terminal'],
    [200, 'server_error', 'transient'],
    [400, 'temporarily_unavailable', 'transient'],
    [403, undefined, 'terminal'],
    [408, undefined, 'transient'],
    [429, undefined, 'transient'],
    [500, undefined, 'transient'],
    [501, 'unsupported_grant_type', 'terminal'],
    [501, undefined, 'transient'],
    [502, 'server_error', 'transient'],
    [503, undefined, 'transient'],
  ]
  for (const [status, error, kind] of kinds)
    test(`${status} with ${error} is ${kind}`, async () => {
      const { error: refused } = await ask([{ status, body: error === undefined ? '' : { error } }])
      expect(refused).toMatchObject({
        code: 'ERR_SERVER_REFUSED',
        kind,
        retryable: kind === 'transient',
        serverStatus: status,
        error,
      })
    })

  test('unless the provider reads it otherwise, with the grant and the words as received', async () => {
    const seen: Refusal[] = []
    const classifyError: Conform['classifyError'] = refusal => {
      seen.push(refusal)
      return 'invalid_grant'
    }
    const body = { error: 'server_error', error_description: 'sic' }
    const { error } = await ask([{ status: 400, body }], grants.refresh_token, { classifyError })
    expect(error?.kind).toBe('invalid_grant')
    const words = { error: 'server_error', errorDescription: 'sic' }
    expect(seen).toEqual([{ status: 400, ...words, endpoint: 'token_endpoint', grantType: 'refresh_token', body }])
  })

  test('with what the server asks to wait', async () => {
    const retryAfter = (value: string) => ask([{ status: 429, headers: { 'retry-after': value } }])
    expect((await retryAfter('0')).error?.retryAfterMs).toBe(1000)
    expect((await retryAfter('7')).error?.retryAfterMs).toBe(7000)
    expect((await retryAfter('later')).error?.retryAfterMs).toBeUndefined()
  })
})

describe("a server's words", () => {
  const describeBy = async (description: string, options: Parameters<typeof clientOf>[1], grant?: Grant) => {
    const { transport } = answering({ status: 400, body: { error: 'invalid_request', error_description: description } })
    const error = await failure<AuthorizationServerError>(
      requestTokenSet(clientOf(transport, options), grant ?? clientCredentials()),
    )
    expect(error.message).toContain(error.error_description as string)
    return error.error_description
  }

  test('are kept printable', async () => {
    expect(await describeBy('line one\r\nline\ttwo \u001b[31mred\u0000 caf\u00e9', {})).toBe(
      'line one line two [31mred caf',
    )
  })

  test('are kept short, code and description', async () => {
    const long = await describeBy('no '.repeat(5000), {})
    expect(long).toBe(`${'no '.repeat(99)}...`)
    const { error } = await ask([{ status: 400, body: { error: 'e_'.repeat(500) } }])
    expect(error?.error).toHaveLength(80)
  })

  const secret = 'p&ss "w\u00f6rd"\\^|),%+ $1'
  const spellings: Readonly<Record<string, string>> = {
    'as it is': secret,
    'percent-encoded': encodeURIComponent(secret),
    'form-encoded': new URLSearchParams({ '': secret }).toString().slice(1),
    'JSON-escaped': JSON.stringify(secret).slice(1, -1),
  }
  const methods = { basic: clientSecretBasic(secret), post: clientSecretPost(secret) }
  for (const [name, auth] of Object.entries(methods))
    for (const [spelling, echo] of Object.entries(spellings))
      test(`lose an echoed secret of client_secret_${name}, ${spelling}`, async () => {
        expect(await describeBy(`Wrong: ${echo}.`, { auth })).toBe('Wrong: [redacted].')
      })

  test('lose an echoed Basic header', async () => {
    const pair = Buffer.from('client-1:s3cret').toString('base64')
    expect(await describeBy(`Got Basic ${pair}`, { clientSecret: 's3cret' })).toBe('Got Basic [redacted]')
  })

  test('lose the secret of an assertion under a MAC, though it was never sent', async () => {
    const shared = 'a-secret-shared-by-client-and-server'
    const auth = clientSecretJwt(shared, { alg: 'HS256' })
    expect(await describeBy(`Bad MAC with ${shared}`, { auth })).toBe('Bad MAC with [redacted]')
  })

  test('lose an echoed refresh token, code and verifier, and keep the client id', async () => {
    const verifier = 'v'.repeat(43)
    const code = authorizationCode({
      code: 'code-marker',
      codeVerifier: verifier,
      redirectUri: 'https://app.example/cb',
    })
    expect(await describeBy(`code-marker ${verifier} of client-1 for https://app.example/cb`, {}, code)).toBe(
      '[redacted] [redacted] of client-1 for https://app.example/cb',
    )
    expect(await describeBy('rt-marker is dead', {}, refreshToken({ refreshToken: 'rt-marker' }))).toBe(
      '[redacted] is dead',
    )
  })

  test('lose the longer secret first, so that none is cut in two', async () => {
    const grant = clientCredentials({ parameters: { tenant: 'begin' } })
    const auth = clientSecretPost('begin-middle-end')
    expect(await describeBy('got begin-middle-end', { auth }, grant)).toBe('got [redacted]')
  })

  test("lose every JWT, whoever's it is, cut off ones too", async () => {
    expect(await describeBy('jwt eyJhbGciOiJQUzI1NiJ9.eyJqdGkiOiJ4In0.c2ln, eyJhbGciOiJQ... expired', {})).toBe(
      'jwt [redacted], [redacted] expired',
    )
  })

  test('lose the query of a URL', async () => {
    expect(await describeBy('No https://a.example/cb?state=marker&x=1 here. Why? Because.', {})).toBe(
      'No https://a.example/cb[redacted] here. Why? Because.',
    )
  })

  test('are cleaned in linear time', async () => {
    expect(await describeBy('eyJ'.repeat(300_000), {})).toBe('[redacted]')
    expect(await describeBy('?a'.repeat(400_000), {})).toBe('[redacted]')
  })
})

describe("somebody else's code", () => {
  const failing = new Error('vault is sealed')
  const cases = {
    'a secret function that rejects': clientSecretBasic(async () => Promise.reject(failing)),
    'a secret function that throws': clientSecretPost(() => {
      throw failing
    }),
    'a signer that rejects': privateKeyJwt({ key: async () => Promise.reject(failing), alg: 'ES256' }),
    'a claims function that throws': clientSecretJwt('s3cret', {
      alg: 'HS256',
      claims: () => {
        throw failing
      },
    }),
  }
  for (const [name, auth] of Object.entries(cases))
    test(`${name} is an error of client authentication, worth another try, and nothing is sent`, async () => {
      const { transport, requests } = answering(granted)
      const error = await failure(requestTokenSet(clientOf(transport, { auth }), clientCredentials()))
      expect(error).toBeInstanceOf(GrantKitError)
      expect(error).toMatchObject({
        code: 'ERR_CLIENT_AUTHENTICATION',
        provider: 'example',
        retryable: true,
        cause: failing,
      })
      expect(requests).toEqual([])
    })

  test("an error of ours out of a secret function is not taken for the server's", async () => {
    const inner = new AuthorizationServerError({ serverStatus: 400, error: 'invalid_grant', kind: 'invalid_grant' })
    const client = clientOf(answering(granted).transport, { clientSecret: () => Promise.reject(inner) })
    const error = await failure(requestTokenSet(client, grants.refresh_token as Grant))
    expect(error).toMatchObject({ code: 'ERR_CLIENT_AUTHENTICATION', cause: inner })
    expect(error).not.toHaveProperty('kind')
  })

  for (const value of ['', undefined, 42])
    test(`a secret function that returns ${JSON.stringify(value)} is an error that another try does not mend`, async () => {
      const clientSecret = (async () => value) as () => Promise<string>
      const client = clientOf(answering(granted).transport, { clientSecret })
      expect(await failure(requestTokenSet(client, clientCredentials()))).toMatchObject({
        code: 'ERR_CLIENT_AUTHENTICATION',
        retryable: false,
      })
    })

  test('a wrong option found out late is still a TypeError', async () => {
    const checkCredentials = ({ clientSecret = '' }) => {
      if (clientSecret.includes(':')) throw optionError('clientSecret', 'must not contain ":"')
    }
    const auth = clientSecretBasic(async () => 'a:b')
    const client = clientOf(answering(granted).transport, { auth, provider: provider({ checkCredentials }) })
    expect(await failure(requestTokenSet(client, clientCredentials()))).toMatchObject({
      name: 'TypeError',
      option: 'clientSecret',
    })
  })

  test("an HTTP client's error is a transport error that keeps name, code and message, and no request", async () => {
    const foreign = Object.assign(new Error('socket hang up\n s3cret'), {
      name: 'AxiosError',
      code: 'ECONNRESET',
      config: { headers: { authorization: 'Basic marker' }, data: 'client_secret=s3cret' },
    })
    const { error, count } = await ask([foreign, foreign])
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({
      code: 'ERR_TRANSPORT',
      message: 'The transport failed: socket hang up [redacted]; POST https://as.example.com/token',
      neverSent: false,
      retryable: true,
      provider: 'example',
      cause: { name: 'AxiosError', code: 'ECONNRESET', message: 'socket hang up [redacted]' },
    })
    expect(Object.getOwnPropertyNames(error?.cause).sort()).toEqual(['code', 'message', 'name', 'stack'])
    expect(count).toBe(2)
  })

  for (const thrown of ['just text', undefined, { status: 401 }, Object.assign(new Error('x'), { code: 23 })])
    test(`${JSON.stringify(thrown)} thrown by a transport is a transport error too`, async () => {
      const client = clientOf(() => Promise.reject(thrown))
      expect(await failure(requestTokenSet(client, clientCredentials()))).toMatchObject({ code: 'ERR_TRANSPORT' })
    })

  test('a transport that throws before it returns a promise is a transport error too', async () => {
    const client = clientOf(() => {
      throw new Error('not connected')
    })
    expect(await failure(requestTokenSet(client, clientCredentials()))).toMatchObject({ code: 'ERR_TRANSPORT' })
  })

  test('a refresh token is not sent again after an error nobody knows', async () => {
    expect(await ask([new Error('socket hang up'), granted], grants.refresh_token)).toMatchObject({ count: 1 })
  })

  test("an error of the transport's own comes through as it is", async () => {
    const error = new TokenResponseError('too large')
    expect((await ask([error])).error).toBe(error)
  })
})

describe('an error about a request that never left says so', () => {
  const request = (more: Partial<EndpointRequest<unknown>> = {}): EndpointRequest<unknown> => ({
    endpoint: 'token_endpoint',
    resend: 'never',
    accepts: [json(async ({ body }) => body)],
    ...more,
  })
  async function ofUnsent(more: Partial<EndpointRequest<unknown>>, options: Parameters<typeof clientOf>[1] = {}) {
    const { transport, requests } = answering(granted)
    const error = await failure(sendToEndpoint(clientOf(transport, options), request(more)))
    expect(requests).toEqual([])
    return error
  }
  const ours = () => new GrantKitError('ERR_TOKEN_STORE', 'away')

  test('when the secret could not be had, with the reason in its words', async () => {
    const clientSecret = () => Promise.reject(new Error('sealed'))
    expect(await ofUnsent({}, { clientSecret })).toMatchObject({
      message: 'client_secret_basic: the secret, or what signs, could not be had',
      neverSent: true,
      retryable: true,
    })
  })

  test('when there is no secret, with the name of the provider', async () => {
    const clientSecret = async () => ''
    expect(await ofUnsent({}, { clientSecret })).toMatchObject({ provider: 'example', neverSent: true })
  })

  test('when an option turns out wrong', async () => {
    const authenticate = () => Promise.reject(optionError('clientSecret', 'must be another'))
    const error = await ofUnsent({ auth: { method: 'of_its_own', authenticate } })
    expect(error).toMatchObject({ name: 'TypeError', option: 'clientSecret', neverSent: true })
  })

  test.each([
    ['the parameters', { parameters: () => Promise.reject(ours()) }],
    ['who holds it back', { beforeSending: () => Promise.reject(ours()) }],
  ])('when it is one of ours, thrown by %s', async (_, more) => {
    expect(await ofUnsent(more)).toMatchObject({ code: 'ERR_TOKEN_STORE', neverSent: true })
  })

  test.each([
    ['the parameters', (error: unknown) => ({ parameters: () => Promise.reject(error) })],
    ['who holds it back', (error: unknown) => ({ beforeSending: () => Promise.reject(error) })],
  ])("but not when it is somebody else's, thrown by %s: that stays as it is", async (_, throwing) => {
    const theirs = Object.freeze(Object.assign(new Error('stopped'), { code: 'ERR_STOPPED' }))
    const error = await ofUnsent(throwing(theirs))
    expect(error).toBe(theirs)
    expect(error).not.toHaveProperty('neverSent')
  })
})

describe('whoever salvages', () => {
  const salvaging = (...answers: (Answer | Error)[]) => {
    const { transport, requests } = answering(...answers)
    const seen: { readonly isWhole: boolean; readonly text: string; readonly sent: object; readonly error: unknown }[] =
      []
    const sending = sendToEndpoint(clientOf(transport, { auth: clientSecretPost('s3cret') }), {
      endpoint: 'token_endpoint',
      resend: 'always',
      parameters: () => ({ grant_type: 'x' }),
      accepts: [json(async () => Promise.reject(new TokenResponseError('odd')))],
      salvage: async (error, { isWhole, body }, sent) => {
        await Promise.resolve()
        seen.push({ isWhole, text: Buffer.from(body).toString(), sent, error })
      },
    })
    return { sending, seen, requests }
  }

  test('is shown a whole answer and what was sent, before the error is thrown', async () => {
    const { sending, seen } = salvaging({ body: '{"odd":1}' })
    const error = await failure(sending)
    const sent = { grant_type: 'x', client_id: 'client-1', client_secret: 's3cret' }
    expect(seen).toEqual([{ isWhole: true, text: '{"odd":1}', sent, error }])
  })

  test('is shown the part of an answer that came, as such', async () => {
    const part = { status: 200, headers: new Headers(), body: Buffer.from('{"od'), isWhole: false }
    const cut = keepReceived(new TransportError('ERR_TRANSPORT', 'cut', { neverSent: false, retryable: false }), part)
    const { sending, seen } = salvaging(cut)
    await failure(sending)
    expect(seen).toMatchObject([{ isWhole: false, text: '{"od' }])
  })

  test('is not asked where nothing came', async () => {
    const { sending, seen, requests } = salvaging(lost(), lost())
    await failure(sending)
    expect([requests.length, seen]).toEqual([2, []])
  })
})

describe('what an endpoint is asked for', () => {
  test('names each media type once, the preferred one first', async () => {
    const { transport, requests } = answering(granted)
    const read = async () => 'read'
    const accepts = [jwt('application/jwt', read), json(read), json(read)]
    const asked = { endpoint: 'token_endpoint', resend: 'always', accepts } as const
    expect(await sendToEndpoint(clientOf(transport), asked)).toBe('read')
    expect(requests[0]?.headers.accept).toBe('application/jwt, application/json')
  })

  test.each([
    ['always', false],
    ['unsent', true],
    ['never', true],
  ] as const)('by GET, good for sending %s, has no body', async (resend, fresh) => {
    const { transport, requests } = answering({ status: 404 })
    const accepts = [json(async () => 'read')]
    const asked = { endpoint: 'token_endpoint', method: 'GET', resend, accepts } as const
    const error = await failure(sendToEndpoint(clientOf(transport, { auth: none() }), asked))
    expect(error.message).toContain('; GET https://as.example.com/token answered 404')
    const headers = { accept: 'application/json', 'user-agent': 'grantkit/0.0.0' }
    const url = 'https://as.example.com/token'
    expect(requests).toEqual([{ method: 'GET', url, headers, fresh, signal: expect.any(AbortSignal) }])
  })
})

describe('the methods that a discovered document lists', () => {
  async function toldOf(listed: string[], more: Partial<EndpointRequest<unknown>> = {}) {
    const document = { issuer, token_endpoint: endpoint, token_endpoint_auth_methods_supported: listed }
    const metadata = await discoverMetadata({ issuer, transport: answering({ body: document }).transport })
    const { transport } = answering({ status: 400, body: { error: 'invalid_client' } })
    const client = clientOf(transport, { provider: defineProvider({ name: 'example', metadata }), auth: none() })
    const asked = { endpoint: 'token_endpoint', resend: 'never', accepts: [json(async () => 'read')], ...more } as const
    return (await failure(sendToEndpoint(client, asked))).message
  }

  test('are named to a client that is refused with another', async () => {
    expect(await toldOf(['private_key_jwt', 'tls_client_auth'])).toMatch(
      /; its metadata lists private_key_jwt, tls_client_auth, not none$/,
    )
  })

  test('are named up to 200 characters', async () => {
    expect(await toldOf(['m'.repeat(300)])).toMatch(/; its metadata lists m{200}, not none$/)
  })

  test.each([
    ['with one of them', ['none', 'private_key_jwt'], {}],
    [
      'that carried other credentials',
      ['private_key_jwt'],
      { auth: { method: 'bearer', authenticate: async () => ({ parameters: {}, headers: {} }) } },
    ],
  ])('are not named to a request %s', async (_, listed, more) => {
    expect(await toldOf(listed, more)).not.toContain('metadata lists')
  })
})
