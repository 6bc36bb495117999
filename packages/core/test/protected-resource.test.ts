import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isGrantKitError } from '../src/errors.js'
import { discoverProtectedResource, type ProtectedResourceOptions } from '../src/protected-resource.js'
import type { Transport } from '../src/transport.js'
import { type Answer, failure, responseOf } from './answering.js'

const resource = 'https://api.example/accounts'
const issuer = 'https://as.example'
const document = { resource, authorization_servers: [issuer] }

/** An API that answers every request alike and tells where it was asked. */
function asking(answer: Answer) {
  const urls: string[] = []
  const transport: Transport = async ({ url }) => {
    urls.push(url)
    return responseOf(answer)
  }
  const discover = (options: ProtectedResourceOptions) => discoverProtectedResource({ transport, ...options })
  return { urls, discover }
}

const naming = (url: string) => `Bearer error="invalid_token", resource_metadata="${url}"`

describe('the place of the document', () => {
  test.each([
    ['https://api.example', 'https://api.example/.well-known/oauth-protected-resource'],
    ['https://api.example/', 'https://api.example/.well-known/oauth-protected-resource'],
    ['https://api.example/a/b', 'https://api.example/.well-known/oauth-protected-resource/a/b'],
    ['https://api.example/a/', 'https://api.example/.well-known/oauth-protected-resource/a/'],
    ['https://api.example/a?b=c', 'https://api.example/.well-known/oauth-protected-resource/a?b=c'],
    ['http://127.0.0.1:8080/a', 'http://127.0.0.1:8080/.well-known/oauth-protected-resource/a'],
  ])('of %s is between host and path', async (resource, place) => {
    const { urls, discover } = asking({ body: { ...document, resource } })
    expect(await discover({ resource })).toEqual({ ...document, resource })
    expect(urls).toEqual([place])
  })

  test('is where the challenge says, of whatever scheme', async () => {
    const place = 'https://api.example/metadata'
    for (const scheme of ['Bearer', 'DPoP']) {
      const { urls, discover } = asking({ body: document })
      const wwwAuthenticate = `Basic realm="a", ${scheme} realm="b", resource_metadata="${place}"`
      await discover({ url: resource, wwwAuthenticate })
      expect(urls).toEqual([place])
    }
  })

  test.each([null, undefined, 'Bearer', 'Bearer resource_metadata', 'no grammar; at all'])(
    'is the well-known one where the challenge does not say: %s',
    async wwwAuthenticate => {
      const { urls, discover } = asking({ body: document })
      await discover({ url: resource, wwwAuthenticate })
      expect(urls).toEqual(['https://api.example/.well-known/oauth-protected-resource/accounts'])
    },
  )

  test.each([
    'https://169.254.169.254/latest',
    'https://evil.example/metadata',
    'http://api.example/metadata',
    'http://127.0.0.1/metadata',
    'https://api.example:8443/metadata',
    'file:///etc/passwd',
    '/metadata',
  ])('is not asked at another origin because a challenge says so: %s', async place => {
    const { urls, discover } = asking({ body: document })
    const error = await failure(discover({ url: resource, wwwAuthenticate: naming(place) }))
    expect(error).toMatchObject({ code: 'ERR_ORIGIN' })
    expect(urls).toEqual([])
  })

  test.each(['https://user:password@api.example/metadata', 'https://api.example/metadata#part'])(
    'holds no more than a place: %s',
    async place => {
      const { urls, discover } = asking({ body: document })
      const error = await failure(discover({ url: resource, wwwAuthenticate: naming(place) }))
      expect(error).toMatchObject({ code: 'ERR_VALIDATION', check: 'resource_metadata' })
      expect(urls).toEqual([])
    },
  )

  test('may be at another origin that the program names', async () => {
    const { urls, discover } = asking({ body: document })
    const wwwAuthenticate = naming('https://cdn.example/metadata')
    await discover({ url: resource, wwwAuthenticate, origins: ['https://cdn.example'] })
    expect(urls).toEqual(['https://cdn.example/metadata'])
  })

  test('is not followed elsewhere', async () => {
    const { urls, discover } = asking({ status: 302, headers: { location: 'https://evil.example/m' } })
    expect(await failure(discover({ resource }))).toMatchObject({ code: 'ERR_TOKEN_RESPONSE', serverStatus: 302 })
    expect(urls).toHaveLength(1)
  })

  test('is asked once, however many want to know', async () => {
    const { urls, discover } = asking({ body: document })
    await Promise.all(Array.from({ length: 20 }, () => discover({ resource })))
    expect(urls).toHaveLength(1)
  })
})

describe('the resource', () => {
  test('has to be the one that was asked for, to the letter', async () => {
    for (const came of ['https://api.example/Accounts', 'https://api.example', 'https://other.example/accounts', 7]) {
      const { discover } = asking({ body: { ...document, resource: came } })
      expect(await failure(discover({ resource }))).toMatchObject({ code: 'ERR_VALIDATION', check: 'resource' })
    }
  })

  test('of a challenge has to be the URL that was refused, unless the program knows the API', async () => {
    const url = `${resource}/1/balances`
    const { discover } = asking({ body: document })
    const wwwAuthenticate = naming('https://api.example/metadata')
    const error = await failure(discover({ url, wwwAuthenticate }))
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', check: 'resource' })
    expect(error.message).toContain(`is "${resource}"; expected "${url}"`)
    expect(error.message).toContain('name it with the option resource')
    expect(await discover({ url, resource, wwwAuthenticate })).toEqual(document)
  })
})

describe('what is read', () => {
  test('are the members by their names, without what was signed elsewhere', async () => {
    const more = {
      scopes_supported: ['accounts'],
      bearer_methods_supported: ['header'],
      dpop_bound_access_tokens_required: true,
      tls_client_certificate_bound_access_tokens: false,
    }
    const { discover } = asking({ body: { ...document, ...more, signed_metadata: 'a.b.c' } })
    expect(await discover({ resource })).toEqual({ ...document, ...more })
  })

  test('are the authorization servers one is registered at', async () => {
    const body = { ...document, authorization_servers: ['https://evil.example', issuer] }
    const { discover } = asking({ body })
    expect(await discover({ resource, issuers: [issuer] })).toMatchObject({ authorization_servers: [issuer] })
    const error = await failure(discover({ resource, issuers: ['https://mine.example'] }))
    expect(error).toMatchObject({ check: 'authorization_servers' })
    expect(error.message).toContain('names none of yours: it says https://evil.example, https://as.example')
  })

  test.each<[string, object]>([
    ['authorization_servers', { authorization_servers: undefined }],
    ['authorization_servers', { authorization_servers: [] }],
    ['authorization_servers', { authorization_servers: issuer }],
    ['authorization_servers', { authorization_servers: ['http://as.example'] }],
    ['authorization_servers', { authorization_servers: ['https://as.example?tenant=1'] }],
    ['scopes_supported', { scopes_supported: 'accounts' }],
    ['dpop_bound_access_tokens_required', { dpop_bound_access_tokens_required: 'true' }],
  ])('is refused where %s is of the wrong kind: %j', async (check, members) => {
    const { discover } = asking({ body: { ...document, ...members } })
    expect(await failure(discover({ resource }))).toMatchObject({ code: 'ERR_VALIDATION', check })
  })
})

test.each([
  ['resource', {}],
  ['resource', { resource: 'http://api.example' }],
  ['resource', { resource: `${resource}#part` }],
  ['url', { url: 'http://api.example/accounts' }],
  ['url', { resource, url: 'https://api.example/accountsx' }],
  ['url', { resource, url: 'https://other.example/accounts' }],
  ['origins', { resource, origins: ['http://cdn.example'] }],
  ['issuers', { resource, issuers: [7] }],
  ['www', { resource, www: 'Bearer' }],
])('names %s when it is wrong: %j', async (option, options) => {
  const { urls, discover } = asking({ body: document })
  expect(await failure(discover(options as never))).toMatchObject({ code: 'ERR_OPTION', option })
  expect(urls).toEqual([])
})

test('any challenge and any document is read or refused', async () => {
  const name = fc.constantFrom('resource', 'authorization_servers', 'scopes_supported', '__proto__')
  const members = fc.dictionary(name, fc.jsonValue()).map(more => ({ ...document, ...more }))
  const challenge = fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl().map(naming), fc.string().map(naming))
  await fc.assert(
    fc.asyncProperty(challenge, fc.oneof(fc.jsonValue(), members), async (wwwAuthenticate, body) => {
      const { urls, discover } = asking({ body: body as object })
      const answer = await discover({ url: resource, wwwAuthenticate }).catch((error: unknown) => error)
      if (!isGrantKitError(answer)) expect(answer).toMatchObject({ resource })
      for (const url of urls) expect(new URL(url).origin).toBe('https://api.example')
    }),
  )
})
