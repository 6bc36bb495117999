/** What APK is sent, and how it is reached (providers.md, 2.1 and 2.2). */
import {
  AuthorizationServerError,
  authorizationCode,
  clientCredentials,
  clientSecretBasic,
  createClient,
  createUserTokenSources,
  none,
  requestTokenSet,
  TransportError,
} from '@grantkit/core'
import { rejection } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { wso2Apk } from '../src/index.js'
import { startApk } from './apk.js'

describe('reaching the identity provider', () => {
  test('the token endpoint defaults to the documented one', () => {
    expect(wso2Apk().metadata.token_endpoint).toBe('https://idp.am.wso2.com:9095/oauth2/token')
  })

  test('the path of APK 2 is an option', async () => {
    await using apk = await startApk()
    apk.system.settings.version = '2.x'
    const tokenEndpoint = 'https://idp.am.wso2.com:9095/oauth2/1.0.0/token'
    await requestTokenSet(apk.client({ auth: none() }, { tokenEndpoint }), clientCredentials())
    expect(apk.lastTokenRequest()).toMatchObject({ path: '/oauth2/1.0.0/token', status: 200 })
  })

  test('connects to another address while URL, SNI and Host keep the name', async () => {
    await using apk = await startApk()
    await apk.source().getTokenSet()
    expect(apk.tls.connectTo.host).toBe('127.0.0.1')
    const { tlsServername, headers } = apk.lastTokenRequest()
    expect(tlsServername).toBe('idp.am.wso2.com')
    expect(headers.host).toBe('idp.am.wso2.com:9095')
  })

  test('trusts a private CA for this client alone', async () => {
    await using apk = await startApk()
    const distrusting = apk.client({ tls: { connectTo: apk.system.connectTo } })
    const error = await rejection(requestTokenSet(distrusting, clientCredentials()))
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT_TLS' })
    await expect(requestTokenSet(apk.client(), clientCredentials())).resolves.toBeDefined()
  })

  test('the issuer defaults to /token on the host without its port, which is not the token endpoint', async () => {
    await using apk = await startApk()
    const { accessToken } = await apk.source().getTokenSet()
    const { iss } = JSON.parse(Buffer.from(accessToken.split('.')[1] as string, 'base64url').toString())
    expect(wso2Apk().metadata.issuer).toBe(iss)
    expect(wso2Apk({ issuer: 'https://idp.example.com' }).metadata.issuer).toBe('https://idp.example.com')
  })
})

describe('the token request', () => {
  test('is the documented one, byte for byte where the page shows bytes', async () => {
    await using apk = await startApk()
    await apk.source().getTokenSet()
    const { method, path, headers, body } = apk.lastTokenRequest()
    expect(method).toBe('POST')
    expect(path).toBe('/oauth2/token')
    expect(headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect(headers.authorization).toBe(
      'Basic NDVmMWM1YzgtYTkyZS0xMWVkLWFmYTEtMDI0MmFjMTIwMDAyOjRmYmQ2MmVjLWE5MmUtMTFlZC1hZmExLTAyNDJhYzEyMDAwMg==',
    )
    expect(body).toBe('grant_type=client_credentials')
  })

  test('Basic credentials are sent as they are, without percent-encoding', async () => {
    await using apk = await startApk()
    apk.system.clientSecret = 'p%40ss +&=/ü~'
    await apk.source().getTokenSet()
    const [scheme, encoded = ''] = apk.lastTokenRequest().headers.authorization?.split(' ') ?? []
    expect(scheme).toBe('Basic')
    expect(Buffer.from(encoded, 'base64').toString()).toBe(`${apk.system.clientId}:p%40ss +&=/ü~`)
  })

  test('an RFC 6749 encoding of the credentials is refused by the server, which decodes nothing', async () => {
    await using apk = await startApk()
    apk.system.clientSecret = 'a+b'
    const auth = clientSecretBasic('a+b', { encoding: 'form' })
    const error = await rejection(requestTokenSet(apk.client({ auth }), clientCredentials()))
    expect(error).toBeInstanceOf(AuthorizationServerError)
    await expect(requestTokenSet(apk.client(), clientCredentials())).resolves.toBeDefined()
  })

  test.each([
    ['clientId', { clientId: 'a:b', clientSecret: 'secret' }],
    ['clientSecret', { clientId: 'id', clientSecret: 'a:b' }],
  ])('":" in the %s is refused before anything is sent', (option, credentials) => {
    const make = () => createClient({ provider: wso2Apk(), ...credentials })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option }))
  })

  test('":" in a secret read at run time is refused before anything is sent', async () => {
    await using apk = await startApk()
    const error = await rejection(apk.source({ clientSecret: async () => 'a:b' }).getTokenSet())
    expect(error).toMatchObject({ name: 'TypeError', option: 'clientSecret' })
    expect(apk.tokenRequests()).toHaveLength(0)
  })

  test('scope is optional, and the server then says default', async () => {
    await using apk = await startApk()
    const tokenSet = await requestTokenSet(apk.client(), clientCredentials())
    expect(apk.lastTokenRequest().parameters).not.toHaveProperty('scope')
    expect(tokenSet.scope).toBe('default')
  })

  test('scope apk:api_create is sent when asked for, as deployment needs it', async () => {
    await using apk = await startApk()
    const tokenSet = await requestTokenSet(apk.client(), clientCredentials({ scope: 'apk:api_create' }))
    expect(apk.lastTokenRequest().parameters.scope).toBe('apk:api_create')
    expect(tokenSet.scope).toBe('apk:api_create')
  })

  test('a code is redeemed with its redirect URI', async () => {
    await using apk = await startApk()
    const { clientId, redirectUri } = apk.system
    const code = apk.system.approve({ clientId })
    const source = createUserTokenSources({ client: apk.client() }).for('user')
    await source.redeem(authorizationCode({ code, redirectUri }))
    expect(apk.lastTokenRequest().parameters).toEqual({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
    })
  })

  test('APK 2 wants no authentication and takes the client id from the body', async () => {
    await using apk = await startApk()
    apk.system.settings.version = '2.x'
    const provider = { tokenEndpoint: apk.system.tokenEndpoint }
    await requestTokenSet(apk.client({ auth: none() }, provider), clientCredentials())
    const { headers, parameters } = apk.lastTokenRequest()
    expect(headers).not.toHaveProperty('authorization')
    expect(parameters).toEqual({ grant_type: 'client_credentials', client_id: apk.system.clientId })
  })

  test('takes the three grants of version 1 and no other', () => {
    expect(wso2Apk().metadata.grant_types_supported).toEqual([
      'client_credentials',
      'authorization_code',
      'refresh_token',
    ])
  })
})
