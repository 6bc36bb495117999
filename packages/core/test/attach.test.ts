import { describe, expect, test } from 'vitest'
import {
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  type GetTokenSetOptions,
  TokenSet,
  type TokenSource,
} from '../src/index.js'
import { type AttachResponse, attach, parseOrigins } from '../src/kit.js'
import { issue, refuse, rotate, type Setup, setUp, start } from './scripted-server.js'

const origins = parseOrigins(['https://api.example'])
const url = 'https://api.example/accounts'
const get = { method: 'GET', url }

const unauthorized = (wwwAuthenticate: string | undefined = 'Bearer error="invalid_token"'): AttachResponse => ({
  status: 401,
  wwwAuthenticate,
  body: async () => '',
})

const sourceOf = ({ client }: Pick<Setup, 'client'>) => createTokenSource({ client, grant: clientCredentials() })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('attach', () => {
  test('gives a request its token', async () => {
    const attached = await attach(sourceOf(setUp()), origins, get)
    expect(attached.headers).toEqual(bearer('token-1'))
  })

  test('may be taken apart', async () => {
    const { headers, allows, concerns, replay } = await attach(sourceOf(setUp(rotate())), origins, get)
    expect([headers, allows(url), concerns(401)]).toEqual([bearer('token-1'), true, true])
    expect(await replay(unauthorized(), true)).toEqual(bearer('token-2'))
  })

  test('adds the headers the provider wants on every API request', async () => {
    const setup = setUp(undefined, {}, { resourceHeaders: { 'x-api-version': '2' } })
    expect((await attach(sourceOf(setup), origins, get)).headers).toEqual({
      ...bearer('token-1'),
      'x-api-version': '2',
    })
  })

  test('has the headers the provider wants as they are now: a key in one may be replaced', async () => {
    const resourceHeaders = { 'X-Api-Key': 'old' }
    const attached = await attach(sourceOf(setUp(undefined, {}, { resourceHeaders })), origins, get)
    expect(attached.headers).toMatchObject({ 'x-api-key': 'old' })
    resourceHeaders['X-Api-Key'] = 'new'
    expect(attached.headers).toMatchObject({ 'x-api-key': 'new' })
  })

  test('does not let one of those take the place of the token', async () => {
    const setup = setUp(undefined, {}, { resourceHeaders: { Authorization: 'Basic abc' } })
    expect((await attach(sourceOf(setup), origins, get)).headers).toEqual(bearer('token-1'))
  })

  test('refuses another origin before any token is asked for', async () => {
    const setup = setUp()
    const attached = attach(sourceOf(setup), origins, { method: 'GET', url: 'https://evil.example/' })
    await expect(attached).rejects.toMatchObject({ code: 'ERR_ORIGIN' })
    expect(setup.server.requests).toHaveLength(0)
  })

  test('fails the request when no token can be had', async () => {
    const setup = setUp(refuse(401, 'invalid_client'))
    await expect(attach(sourceOf(setup), origins, get)).rejects.toMatchObject({ error: 'invalid_client' })
  })

  test('hands the request’s signal to the source', async () => {
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(attach(sourceOf(setUp()), origins, { ...get, signal })).rejects.toThrow('gone')
  })
})

describe('allows', () => {
  test('says yes within the origins', async () => {
    const attached = await attach(sourceOf(setUp()), origins, get)
    expect(attached.allows('https://api.example/elsewhere')).toBe(true)
  })

  test('never says yes again once a redirect has left the origins, coming back included', async () => {
    const attached = await attach(sourceOf(setUp()), origins, get)
    expect(attached.allows('https://evil.example/')).toBe(false)
    expect(attached.allows(url)).toBe(false)
  })

  test('leaves a 401 from there as it is: nobody there saw the token', async () => {
    const setup = setUp()
    const attached = await attach(sourceOf(setup), origins, get)
    attached.allows('https://evil.example/')
    expect(await attached.replay(unauthorized(), true)).toBeUndefined()
    expect(setup.server.requests).toHaveLength(1)
  })
})

describe('tokens that were new and rejected all the same', () => {
  /** A source that has one token, whatever is asked; how often it was asked for another. */
  const stubborn = ({ client }: Pick<Setup, 'client'>, token: string) => {
    let asked = 0
    const getTokenSet = async ({ rejected }: GetTokenSetOptions = {}) => {
      if (rejected !== undefined) asked++
      return new TokenSet({ accessToken: token, obtainedAt: start })
    }
    const source: TokenSource = { client, getTokenSet }
    const reject = async () => {
      const attached = await attach(source, origins, get)
      await attached.replay(unauthorized(), true)
      return asked
    }
    return { reject }
  }

  test('are remembered of a thousand at most, the latest', async () => {
    const setup = setUp()
    const sources = Array.from({ length: 1_001 }, (_, number) => stubborn(setup, `token ${number}`))
    const [first, second] = sources as [(typeof sources)[0], (typeof sources)[0]]
    for (const { reject } of sources.slice(0, 1_000)) expect(await reject()).toBe(1)
    expect(await sources[999]?.reject()).toBe(1)
    expect(await sources[1_000]?.reject()).toBe(1)
    expect(await second.reject()).toBe(1)
    expect(await first.reject()).toBe(2)
  })

  test('are asked about again after ten seconds', async () => {
    const setup = setUp()
    const { reject } = stubborn(setup, 'one token')
    expect(await reject()).toBe(1)
    setup.clock.advance(9_999)
    expect(await reject()).toBe(1)
    setup.clock.advance(1)
    expect(await reject()).toBe(2)
  })

  test('make room for others once their ten seconds are over', async () => {
    const setup = setUp()
    for (let number = 0; number < 1_000; number++) await stubborn(setup, `old ${number}`).reject()
    setup.clock.advance(10_000)
    const fresh = stubborn(setup, 'fresh')
    await fresh.reject()
    for (let number = 0; number < 999; number++) await stubborn(setup, `new ${number}`).reject()
    expect(await fresh.reject()).toBe(1)
  })
})

describe('concerns', () => {
  test('is about a 401 alone, unless the provider names other statuses', async () => {
    const attached = await attach(sourceOf(setUp()), origins, get)
    expect([200, 302, 401, 403, 500].filter(status => attached.concerns(status))).toEqual([401])
    const forbidding = setUp(undefined, {}, { rejectionStatuses: [401, 403] })
    const other = await attach(sourceOf(forbidding), origins, get)
    expect([200, 302, 401, 403, 500].filter(status => other.concerns(status))).toEqual([401, 403])
  })

  test('is about no answer of somebody who never saw the token', async () => {
    const attached = await attach(sourceOf(setUp()), origins, get)
    attached.allows('https://evil.example/')
    expect(attached.concerns(401)).toBe(false)
  })
})

describe('replay', () => {
  test('returns any other answer as it is, and does not read its body', async () => {
    const setup = setUp()
    const attached = await attach(sourceOf(setup), origins, get)
    const body = () => Promise.reject(new Error('was read'))
    for (const status of [200, 204, 302, 403, 500])
      expect(await attached.replay({ status, wwwAuthenticate: 'error="invalid_token"', body }, true)).toBeUndefined()
    expect(setup.server.requests).toHaveLength(1)
  })

  test('returns a 401 that is not about the token', async () => {
    const setup = setUp()
    const attached = await attach(sourceOf(setup), origins, get)
    expect(await attached.replay(unauthorized('Bearer error="insufficient_scope"'), true)).toBeUndefined()
    expect(await attached.replay(unauthorized('Basic realm="api"'), true)).toBeUndefined()
    expect(setup.server.requests).toHaveLength(1)
  })

  test('sends again with a new token when the API rejected the one held', async () => {
    const setup = setUp()
    const attached = await attach(sourceOf(setup), origins, get)
    expect(await attached.replay(unauthorized(), true)).toEqual(bearer('token-2'))
    expect(attached.headers).toEqual(bearer('token-2'))
  })

  test('asks the provider’s rule, with the body', async () => {
    const setup = setUp(undefined, {}, { recognizeRejection: ({ body }) => body.includes('900901') })
    const attached = await attach(sourceOf(setup), origins, get)
    expect(await attached.replay(unauthorized(), true)).toBeUndefined()
    const answer = { status: 401, wwwAuthenticate: undefined, body: async () => '{"code":"900901"}' }
    expect(await attached.replay(answer, true)).toEqual(bearer('token-2'))
  })

  test('asks the provider’s rule about the statuses it names', async () => {
    const setup = setUp(
      undefined,
      {},
      {
        rejectionStatuses: [401, 403],
        recognizeRejection: ({ status, body }) => status === 401 || body === 'Forbidden',
      },
    )
    const attached = await attach(sourceOf(setup), origins, get)
    const forbidden = (body: string) => ({ status: 403, wwwAuthenticate: undefined, body: async () => body })
    expect(await attached.replay(forbidden('not your account'), true)).toBeUndefined()
    expect(await attached.replay(forbidden('Forbidden'), true)).toEqual(bearer('token-2'))
  })

  test('sends again with the current token, without a token request, when another has replaced it already', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const attached = await attach(source, origins, get)
    await source.getTokenSet({ force: true })
    expect(await attached.replay(unauthorized(), true)).toEqual(bearer('token-2'))
    expect(setup.server.requests).toHaveLength(2)
  })

  test('renews once for all requests that were under way, and sends each of them again', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const requests = await Promise.all(Array.from({ length: 50 }, () => attach(source, origins, get)))
    const replays = await Promise.all(requests.map(attached => attached.replay(unauthorized(), true)))
    expect(replays).toEqual(Array(50).fill(bearer('token-2')))
    expect(setup.server.requests).toHaveLength(2)
  })

  test('happens at most once for a request; the second 401 is returned and the new token kept', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const attached = await attach(source, origins, get)
    await attached.replay(unauthorized(), true)
    expect(await attached.replay(unauthorized(), true)).toBeUndefined()
    expect(await attached.replay(unauthorized(), true)).toBeUndefined()
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
    expect(setup.server.requests).toHaveLength(2)
  })

  test('does not ask for a token with each call of an API that rejects every token: for 10 s, once', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const call = async () => {
      const attached = await attach(source, origins, get)
      while ((await attached.replay(unauthorized(), true)) !== undefined);
    }
    for (let calls = 0; calls < 20; calls++) await call()
    expect(setup.server.requests).toHaveLength(2)
    setup.clock.advance(9_999)
    await call()
    expect(setup.server.requests).toHaveLength(2)
    setup.clock.advance(1)
    await call()
    expect(setup.server.requests).toHaveLength(3)
  })

  test('returns the 401 when the server hands out the rejected token again, and leaves the server alone for 10 s', async () => {
    const setup = setUp(issue({ access_token: 'the-same' }))
    const source = sourceOf(setup)
    const call = async () => (await attach(source, origins, get)).replay(unauthorized(), true)
    expect(await call()).toBeUndefined()
    expect(await call()).toBeUndefined()
    expect(setup.server.requests).toHaveLength(2)
    setup.clock.advance(10_000)
    expect(await call()).toBeUndefined()
    expect(setup.server.requests).toHaveLength(3)
  })

  test('renews for the next request when this one cannot be sent again', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const attached = await attach(source, origins, get)
    expect(await attached.replay(unauthorized(), false)).toBeUndefined()
    expect((await attach(source, origins, get)).headers).toEqual(bearer('token-2'))
    expect(setup.server.requests).toHaveLength(2)
  })

  test('throws what keeps a new token from being had', async () => {
    const setup = setUp()
    const attached = await attach(sourceOf(setup), origins, get)
    setup.server.answer = refuse(503, 'temporarily_unavailable')
    await expect(attached.replay(unauthorized(), true)).rejects.toMatchObject({ serverStatus: 503 })
  })

  test('asks the user to log in when there is nothing to renew by', async () => {
    const { client } = setUp()
    const user = createUserTokenSources({ client }).for('alice')
    await user.import({ accessToken: 'imported', expiresAt: start + 600_000 })
    const attached = await attach(user, origins, get)
    await expect(attached.replay(unauthorized(), true)).rejects.toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
      subject: 'alice',
    })
  })

  test('spends a refresh token once however many requests of a user were rejected', async () => {
    const setup = setUp(rotate())
    const user = createUserTokenSources({ client: setup.client }).for('alice')
    await user.import({ refreshToken: 'refresh-0' })
    const requests = await Promise.all(Array.from({ length: 10 }, () => attach(user, origins, get)))
    await Promise.all(requests.map(attached => attached.replay(unauthorized(), true)))
    expect(setup.server.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-0', 'refresh-1'])
  })

  test('tells the listener where a token was rejected and whether it is sent again', async () => {
    const setup = setUp()
    const attached = await attach(sourceOf(setup), origins, { method: 'GET', url: `${url}?secret=1` })
    await attached.replay(unauthorized(), true)
    const told = setup.events.filter(({ type }) => type === 'token_rejected')
    expect(told).toEqual([
      {
        type: 'token_rejected',
        level: 'debug',
        at: start,
        provider: 'example',
        clientId: setup.client.id,
        origin: 'https://api.example',
        replayed: true,
      },
    ])
  })
})

describe('headersFor', () => {
  const source = (setup: Setup, list: string[] | undefined = ['https://api.example']) =>
    createTokenSource({ client: setup.client, grant: clientCredentials(), origins: list })

  test('serves what has no integration: https and WebSockets', async () => {
    const setup = setUp()
    expect(await source(setup).headersFor('GET', url)).toEqual(bearer('token-1'))
    expect(await source(setup).headersFor('GET', new URL('wss://api.example/events'))).toEqual(bearer('token-1'))
  })

  test('refuses another origin, and a WebSocket without TLS', async () => {
    const setup = setUp()
    for (const refused of ['https://evil.example', 'ws://api.example', 'blob:https://api.example/1'])
      await expect(source(setup).headersFor('GET', refused)).rejects.toMatchObject({ code: 'ERR_ORIGIN' })
    expect(setup.server.requests).toHaveLength(0)
  })

  test('is refused on a source that names no origins', async () => {
    const { client } = setUp()
    const headers = createTokenSource({ client, grant: clientCredentials() }).headersFor('GET', url)
    await expect(headers).rejects.toMatchObject({ code: 'ERR_OPTION', option: 'origins' })
  })

  test('detaches a caller who aborts', async () => {
    const setup = setUp(() => new Promise(() => {}))
    const aborter = new AbortController()
    const headers = source(setup).headersFor('GET', url, { signal: aborter.signal })
    await setup.server.arrived(1)
    aborter.abort(new Error('gone'))
    await expect(headers).rejects.toThrow('gone')
  })

  test('returns an object of the caller’s own', async () => {
    const setup = setUp()
    const headers = await source(setup).headersFor('GET', url)
    headers.authorization = 'changed'
    expect(await source(setup).headersFor('GET', url)).toEqual(bearer('token-1'))
  })
})
