/** The provider against oidc-provider, a server we did not write. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { clientCredentials, createClient, createTokenSource } from '@grantkit/core'
import Provider from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oidc } from '../src/index.js'

const server = createServer()
let issuer: string

beforeAll(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const authorizationServer = new Provider(issuer, {
    clients: [
      {
        client_id: 'app',
        client_secret: 's3cret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    scopes: ['accounts'],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    cookies: { keys: ['not used here'] },
  })
  server.on('request', authorizationServer.callback())
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

describe('oidc', () => {
  test('reads a server’s metadata and obtains a token by it', async () => {
    const provider = await oidc({ issuer })
    const client = createClient({ provider, clientId: 'app', clientSecret: 's3cret' })
    const tokens = createTokenSource({ client, grant: clientCredentials({ scope: 'accounts' }) })

    const { accessToken, scope } = await tokens.getTokenSet()

    expect(provider.metadata.token_endpoint).toBe(`${issuer}/token`)
    expect(accessToken).toMatch(/.{20,}/)
    expect(scope).toBe('accounts')
    await client.close()
  })

  test('carries the name it is given, `oidc` otherwise', async () => {
    expect((await oidc({ issuer })).name).toBe('oidc')
    expect((await oidc({ issuer, name: 'login' })).name).toBe('login')
  })

  test('asks once, though a program calls it for each job; a new document reaches the next job', async () => {
    const asked: (string | undefined)[] = []
    const note = ({ url }: { url?: string }) => asked.push(url)
    server.on('request', note)
    let now = Date.now()
    const clock = { now: () => now }
    const jobs = Array.from({ length: 20 }, () => oidc({ issuer, clock, name: 'jobs' }))
    expect(new Set((await Promise.all(jobs)).map(({ metadata }) => metadata.token_endpoint)).size).toBe(1)
    await oidc({ issuer, clock, name: 'jobs' })
    expect(asked).toHaveLength(1)
    now += 300_000
    await oidc({ issuer, clock, name: 'jobs' })
    await oidc({ issuer, clock, name: 'jobs', maxAgeMs: 0 })
    expect(asked).toHaveLength(3)
    server.off('request', note)
  })

  test('fails at start-up when the server is another issuer', async () => {
    const alias = issuer.replace('127.0.0.1', 'localhost')

    await expect(oidc({ issuer: alias })).rejects.toMatchObject({ code: 'ERR_VALIDATION', check: 'issuer' })
  })

  test('fails at start-up when there is no metadata document', async () => {
    await expect(oidc({ issuer: `${issuer}/tenant` })).rejects.toMatchObject({
      code: 'ERR_TOKEN_RESPONSE',
      serverStatus: 404,
    })
  })

  test('takes the URL of the document, and says at the server who asks', async () => {
    const asked: (string | undefined)[] = []
    server.on('request', request => asked.push(`${request.headers['user-agent']} ${request.headers['x-api-key']}`))
    const provider = await oidc({
      discoveryUrl: `${issuer}/.well-known/openid-configuration`,
      headers: { 'x-api-key': 'k' },
    })
    const client = createClient({ provider, clientId: 'app', clientSecret: 's3cret' })
    await createTokenSource({ client, grant: clientCredentials() }).getTokenSet()
    expect(asked).toEqual([expect.stringMatching(/^grantkit\/\S+ k$/), expect.stringMatching(/^grantkit\/\S+ k$/)])
    await client.close()
  })

  test('takes what the RFCs have no name for, and corrections of the document', async () => {
    const conform = { basicCredentials: 'raw', requestHeaders: { 'x-tenant': 't' } } as const
    const metadata = { grant_types_supported: ['refresh_token'], revocation_endpoint: undefined }
    const provider = await oidc({ issuer, conform, metadata })
    expect(provider.conform.basicCredentials).toBe('raw')
    expect(provider.metadata).toMatchObject({ issuer, ...metadata })
    const client = createClient({ provider, clientId: 'app', clientSecret: 's3cret' })
    expect(() => createTokenSource({ client, grant: clientCredentials() })).toThrow(
      'oidc takes refresh_token, not client_credentials',
    )
    await client.close()
  })

  test('refuses a wrong hook or header before anything is asked', async () => {
    const transport = () => Promise.reject(new Error('it was asked'))
    for (const [options, option] of [
      [{ conform: { basicCredential: 'raw' } }, 'basicCredential'],
      [{ conform: { requestHeaders: { host: 'x' } } }, 'requestHeaders.host'],
      [{ headers: { host: 'x' } }, 'headers.host'],
      [{ metadata: { issuer: Promise.resolve() } }, 'issuer'],
    ] as const)
      await expect(oidc({ issuer, transport, ...options } as never)).rejects.toMatchObject({
        name: 'TypeError',
        option,
      })
  })

  test('refuses a misspelt option', async () => {
    await expect(oidc({ isuer: issuer } as never)).rejects.toThrow(TypeError)
  })
})
