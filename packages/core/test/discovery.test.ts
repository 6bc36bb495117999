import { describe, expect, test } from 'vitest'
import { type ClientOptions, endpointFor } from '../src/client.js'
import {
  clientCredentials,
  clientSecretBasic,
  clientSecretJwt,
  createClient,
  createTokenSource,
  defineProvider,
  discoverMetadata,
  none,
  requestTokenSet,
  type Transport,
  TransportError,
} from '../src/index.js'

const issuer = 'https://as.example/tenant'
const document = { issuer, token_endpoint: 'https://as.example/tenant/token' }

/** A server that answers every request alike and tells what it was asked. */
function answering(body: unknown, status = 200): { transport: Transport; urls: string[] } {
  const urls: string[] = []
  const transport: Transport = async ({ url }) => {
    urls.push(url)
    return { status, headers: new Headers(), body: Buffer.from(JSON.stringify(body)) }
  }
  return { transport, urls }
}

describe('discoverMetadata', () => {
  test.each([
    ['openid-configuration' as const, 'https://as.example/tenant/.well-known/openid-configuration'],
    ['oauth-authorization-server' as const, 'https://as.example/.well-known/oauth-authorization-server/tenant'],
  ])('asks at the place of %s', async (wellKnown, url) => {
    const { transport, urls } = answering(document)

    expect(await discoverMetadata({ issuer, wellKnown, transport })).toEqual(document)
    expect(urls).toEqual([url])
  })

  test('appends to the path once, also when the issuer ends with a slash', async () => {
    const { transport, urls } = answering({ ...document, issuer: 'https://as.example/' })

    await discoverMetadata({ issuer: 'https://as.example/', transport })

    expect(urls).toEqual(['https://as.example/.well-known/openid-configuration'])
  })

  test('finds WSO2’s document, whose issuer is the token endpoint', async () => {
    const wso2 = 'https://is.example:9446/oauth2/token'
    const { transport, urls } = answering({ issuer: wso2, token_endpoint: wso2 })

    await discoverMetadata({ issuer: wso2, transport })

    expect(urls).toEqual([`${wso2}/.well-known/openid-configuration`])
  })

  describe('takes any discovery URL', () => {
    const places: readonly [string, string, string][] = [
      ['appended', 'https://as.example/tenant/.well-known/openid-configuration', issuer],
      ['with a slash at its end', 'https://as.example/tenant/.well-known/openid-configuration/', issuer],
      [
        'of an issuer that ends with a slash',
        'https://as.example/o/app/.well-known/openid-configuration',
        'https://as.example/o/app/',
      ],
      ['at the root', 'https://as.example/.well-known/openid-configuration', 'https://as.example'],
      [
        'at the root, for an issuer with a slash',
        'https://as.example/.well-known/openid-configuration',
        'https://as.example/',
      ],
      [
        "WSO2's, under its token endpoint",
        'https://is.example:9446/oauth2/token/.well-known/openid-configuration',
        'https://is.example:9446/oauth2/token',
      ],
      [
        "WSO2's other one",
        'https://is.example:9446/oauth2/token/.well-known/oauth-authorization-server',
        'https://is.example:9446/oauth2/token',
      ],
      [
        'of RFC 8414, at the root of the host',
        'https://as.example/.well-known/oauth-authorization-server/tenant',
        issuer,
      ],
      ['of OpenID, at the root of the host', 'https://as.example/.well-known/openid-configuration/tenant', issuer],
      ['with a query', 'https://as.example/tenant/.well-known/openid-configuration?appid=1', issuer],
    ]
    for (const [name, discoveryUrl, issuer] of places)
      test(name, async () => {
        for (const options of [{ discoveryUrl }, { issuer: discoveryUrl }, { discoveryUrl, issuer }]) {
          const { transport, urls } = answering({ ...document, issuer })
          expect((await discoverMetadata({ ...options, transport })).issuer).toBe(issuer)
          expect(urls).toEqual([discoveryUrl])
        }
      })

    test('of any form, when the issuer is given too', async () => {
      const discoveryUrl = 'https://cdn.example/as.json'
      const { transport } = answering(document)
      expect((await discoverMetadata({ issuer, discoveryUrl, transport })).issuer).toBe(issuer)
      await expect(discoverMetadata({ discoveryUrl, transport })).rejects.toMatchObject({ option: 'issuer' })
    })

    test('and expects the issuer it is of', async () => {
      const discoveryUrl = 'https://as.example/other/.well-known/openid-configuration'
      await expect(discoverMetadata({ discoveryUrl, transport: answering(document).transport })).rejects.toThrow(
        'it says "https://as.example/tenant", expected was "https://as.example/other"',
      )
    })
  })

  test('refuses a document of another issuer, to the letter, and tells both', async () => {
    const { transport } = answering({ ...document, issuer: `${issuer}/` })

    await expect(discoverMetadata({ issuer, transport })).rejects.toMatchObject({
      name: 'ValidationError',
      check: 'issuer',
      provider: issuer,
      message: expect.stringContaining(
        'it says "https://as.example/tenant/", expected was "https://as.example/tenant"; GET https://as.example/tenant/.well-known/openid-configuration answered 200',
      ),
    })
  })

  test.each([
    ['none', {}, 'it says no issuer'],
    ['null', { issuer: null }, 'it says null'],
    ['a number', { issuer: 7 }, 'it says number'],
  ])('refuses a document with %s for an issuer', async (_, body, words) => {
    const { transport } = answering({ token_endpoint: document.token_endpoint, ...body })
    await expect(discoverMetadata({ issuer, transport })).rejects.toThrow(words)
  })

  describe('checks member by member, and names member and issuer', () => {
    const lists = [
      'grant_types_supported',
      'token_endpoint_auth_methods_supported',
      'token_endpoint_auth_signing_alg_values_supported',
    ]
    const members: readonly [string, unknown, string][] = [
      ...lists.flatMap((name): [string, unknown, string][] => [
        [name, null, 'must be a list, got null'],
        [name, 'client_credentials', 'must be a list, got string'],
        [name, 7, 'must be a list, got number'],
        [name, {}, 'must be a list, got object'],
        [name, [7], 'must be a list of texts; it holds number'],
        [name, ['a', null], 'must be a list of texts; it holds null'],
      ]),
      ['token_endpoint', null, 'must be a string, got null'],
      ['token_endpoint', ['https://as.example/token'], 'must be a string, got object'],
      ['jwks_uri', 7, 'must be a string, got 7'],
      ['revocation_endpoint', null, 'must be a string, got null'],
      ['mtls_endpoint_aliases', null, 'must be an object'],
      ['mtls_endpoint_aliases', ['https://as.example/token'], 'must be an object'],
    ]
    for (const [member, value, words] of members)
      test(`${member}: ${JSON.stringify(value)}`, async () => {
        const { transport } = answering({ ...document, [member]: value })
        await expect(discoverMetadata({ issuer, transport, name: 'bank' })).rejects.toMatchObject({
          name: 'ValidationError',
          check: 'metadata',
          provider: 'bank',
          message: expect.stringContaining(`the metadata document of ${issuer} cannot be used: ${member}: ${words}`),
        })
        const corrected = { [member]: member === 'token_endpoint' ? document.token_endpoint : undefined }
        const answer = answering({ ...document, [member]: value })
        await expect(
          discoverMetadata({ issuer, transport: answer.transport, metadata: corrected }),
        ).resolves.toBeDefined()
      })

    test('an empty list, and what names no list, is left alone', async () => {
      const odd = { vp_formats_supported: {}, claims_parameter_supported: true, x: 7, policy: null }
      const { transport } = answering({ ...document, grant_types_supported: [], ...odd })
      await expect(discoverMetadata({ issuer, transport })).resolves.toMatchObject({ x: 7 })
    })

    for (const value of [null, 'S256', 7])
      test(`a list that nobody here reads is none when it is ${JSON.stringify(value)}, unless it is corrected`, async () => {
        const { transport } = answering({ ...document, code_challenge_methods_supported: value })
        await expect(discoverMetadata({ issuer, transport })).rejects.toMatchObject({
          check: 'metadata',
          message: expect.stringMatching(
            /https:\/\/as\.example\/tenant.*code_challenge_methods_supported: must be a list/,
          ),
        })
        const metadata = { code_challenge_methods_supported: undefined } as object
        await expect(discoverMetadata({ issuer, transport, metadata })).resolves.toMatchObject({ issuer })
      })

    test('a list that was discovered stays a hint when it is spread into metadata', async () => {
      const { transport } = answering({ ...document, token_endpoint_auth_methods_supported: ['private_key_jwt'] })
      const metadata = { ...(await discoverMetadata({ issuer, transport })), token_endpoint: `${issuer}/elsewhere` }
      const provider = defineProvider({ name: 'example', metadata })
      expect(() => createClient({ provider, clientId: 'app', clientSecret: 'a secret' })).not.toThrow()
      const stated = { ...metadata, token_endpoint_auth_methods_supported: ['private_key_jwt'] }
      const strict = defineProvider({ name: 'example', metadata: stated })
      expect(() => createClient({ provider: strict, clientId: 'app', clientSecret: 'a secret' })).toThrow(/accepts/)
    })

    test('a correction that is wrong is an option that is wrong', async () => {
      const metadata = { grant_types_supported: 'all' as never }
      const { transport } = answering(document)
      await expect(discoverMetadata({ issuer, transport, metadata })).rejects.toMatchObject({
        name: 'TypeError',
        option: 'grant_types_supported',
      })
    })
  })

  test.each([
    ['an http token endpoint', { ...document, token_endpoint: 'http://as.example/token' }],
    ['no token endpoint', { issuer }],
    ['an http mTLS alias', { ...document, mtls_endpoint_aliases: { token_endpoint: 'http://as.example/token' } }],
  ])('refuses a document with %s', async (_, body) => {
    const { transport } = answering(body)

    await expect(discoverMetadata({ issuer, transport })).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      check: 'metadata',
    })
  })

  test.each([
    ['a list', [document], 200],
    ['an error', { error: 'not_found' }, 404],
  ])('refuses %s in place of a document', async (_, body, status) => {
    const { transport } = answering(body, status)

    await expect(discoverMetadata({ issuer, transport })).rejects.toMatchObject({
      code: 'ERR_TOKEN_RESPONSE',
      serverStatus: status,
    })
  })

  test.each([
    [{ issuer: 'http://as.example' }, 'issuer'],
    [{ issuer, wellKnown: 'other' }, 'wellKnown'],
    [{ issuer, wellknown: 'openid-configuration' }, 'wellknown'],
    [{}, 'issuer'],
    [{ discoveryUrl: 'http://as.example/.well-known/openid-configuration' }, 'discoveryUrl'],
    [{ discoveryUrl: 'https://a:b@as.example/.well-known/x' }, 'discoveryUrl'],
    [{ discoveryUrl: `${issuer}/.well-known/x`, wellKnown: 'openid-configuration' }, 'wellKnown'],
    [{ issuer, headers: { authorization: 'x' } }, 'headers.authorization'],
    [{ issuer, tls: { cert: 'x' } }, 'tls.cert'],
    [Promise.resolve({ issuer }), 'discoverMetadata()'],
  ])('refuses the options %j', async (options, option) => {
    await expect(discoverMetadata(options as never)).rejects.toMatchObject({ name: 'TypeError', option })
  })
})

describe('what goes wrong', () => {
  const url = 'https://as.example/tenant/.well-known/openid-configuration'
  const respond =
    (status: number, headers: object, body = ''): Transport =>
    async () => ({
      status,
      headers: new Headers(headers as Record<string, string>),
      body: Buffer.from(body),
    })

  test('names the provider, whatever it is', async () => {
    const closed: Transport = async () => {
      throw new TransportError('ERR_TRANSPORT', 'no route', { neverSent: true })
    }
    const broken: Transport = async () => {
      throw new Error('no route')
    }
    for (const transport of [closed, broken, respond(404, {}), respond(200, {}, '{}'), respond(200, {}, '<p>')])
      await expect(discoverMetadata({ issuer, transport, name: 'bank' })).rejects.toMatchObject({
        provider: 'bank',
        message: expect.stringContaining(`GET ${url}`),
      })
  })

  test('a page instead of a document is told by its kind and size', async () => {
    const transport = respond(404, { 'content-type': 'text/html; charset=utf-8' }, '<p>no</p>'.repeat(450))
    await expect(discoverMetadata({ issuer, transport })).rejects.toThrow(
      `got status 404; if it is elsewhere, give its discoveryUrl; GET ${url} answered 404 with text/html, 4 kB`,
    )
  })

  test('a redirect is told with where to, and not followed', async () => {
    const transport = respond(301, { location: 'https://as.example/elsewhere?secret=mkr' })
    const error = await discoverMetadata({ issuer, transport }).catch(error => error)
    expect(error).toMatchObject({ code: 'ERR_TOKEN_RESPONSE', serverStatus: 301 })
    expect(error.message).toContain('got a redirect to https://as.example/elsewhere; it is not followed')
    expect(error.message).not.toContain('mkr')
  })
})

describe('a list that was discovered is a hint', () => {
  const narrow = {
    ...document,
    grant_types_supported: ['authorization_code'],
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    token_endpoint_auth_signing_alg_values_supported: ['RS256'],
  }
  const discovered = (metadata?: object) =>
    discoverMetadata({ issuer, transport: answering(narrow).transport, ...(metadata && { metadata }) })
  const clientOf = async (metadata?: object, options: Partial<ClientOptions> = {}) =>
    createClient({
      provider: defineProvider({ name: 'as', metadata: await discovered(metadata) }),
      clientId: 'app',
      ...options,
    })

  test('no method, grant or algorithm is refused for it', async () => {
    for (const auth of [clientSecretBasic('s'), clientSecretJwt('s'.repeat(32), { alg: 'HS256' }), none()]) {
      const client = await clientOf(undefined, { auth })
      expect(() => createTokenSource({ client, grant: clientCredentials() })).not.toThrow()
    }
  })

  test('a plain secret is sent as it says', async () => {
    expect((await clientOf(undefined, { clientSecret: 's' })).auth.method).toBe('client_secret_post')
  })

  test('what it leaves out, or the whole list, refuses nothing', async () => {
    const metadata = await discoverMetadata({ issuer, transport: answering(document).transport })
    const client = createClient({ provider: defineProvider({ name: 'as', metadata }), clientId: 'app' })
    expect(() => createTokenSource({ client, grant: clientCredentials() })).not.toThrow()
  })

  test('one that is stated is a rule', async () => {
    const auth = none()
    await expect(
      clientOf({ token_endpoint_auth_methods_supported: ['private_key_jwt'] }, { auth }),
    ).rejects.toMatchObject({
      option: 'auth',
    })
    const client = await clientOf({ grant_types_supported: ['refresh_token'] })
    expect(() => createTokenSource({ client, grant: clientCredentials() })).toThrow(
      expect.objectContaining({ option: 'grant' }),
    )
    const jwt = clientSecretJwt('s'.repeat(32), { alg: 'HS256' })
    const algorithms = { token_endpoint_auth_signing_alg_values_supported: ['PS256'] }
    await expect(clientOf(algorithms, { auth: jwt })).rejects.toMatchObject({ option: 'alg' })
  })
})

describe('mTLS endpoint aliases', () => {
  const provider = defineProvider({
    name: 'aliased',
    metadata: { ...document, mtls_endpoint_aliases: { token_endpoint: 'https://mtls.as.example/token' } },
  })
  const transport: Transport = async ({ url }) => ({
    status: 200,
    headers: new Headers(),
    body: Buffer.from(JSON.stringify({ access_token: new URL(url).host, token_type: 'Bearer', expires_in: 60 })),
  })

  test('are not used without a certificate', async () => {
    const client = createClient({ provider, clientId: 'app', transport })

    expect((await requestTokenSet(client, clientCredentials())).accessToken).toBe('as.example')
  })

  test('are used with one (RFC 8705 §5)', () => {
    const client = { ...createClient({ provider, clientId: 'app', transport }), tls: { certificate: {} as never } }

    expect(endpointFor(client, 'token_endpoint', 'client_credentials')).toBe('https://mtls.as.example/token')
  })
})
