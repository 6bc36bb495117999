import { describe, expect, test } from 'vitest'
import { endpointFor } from '../src/client.js'
import {
  clientCredentials,
  createClient,
  defineProvider,
  discoverMetadata,
  requestTokenSet,
  type Transport,
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

  test('refuses a document of another issuer, to the letter', async () => {
    const { transport } = answering({ ...document, issuer: `${issuer}/` })

    await expect(discoverMetadata({ issuer, transport })).rejects.toMatchObject({
      name: 'ValidationError',
      check: 'issuer',
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
  ])('refuses the options %j', async (options, option) => {
    await expect(discoverMetadata(options as never)).rejects.toMatchObject({ name: 'TypeError', option })
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

    expect(endpointFor(client, 'client_credentials')).toBe('https://mtls.as.example/token')
  })
})
