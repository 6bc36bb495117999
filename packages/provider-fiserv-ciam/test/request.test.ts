/** What CIAM is sent for a token (providers.md, 4.1). */
import { clientCredentials, clientSecretBasic, createClient, requestTokenSet } from '@grantkit/core'
import { describe, expect, test } from 'vitest'
import { fiservCiam } from '../src/index.js'
import { startCiam } from './ciam.js'

describe('the token request', () => {
  test('is the JSON of the documentation, with the table’s spelling of the grant type', async () => {
    await using ciam = await startCiam()
    await requestTokenSet(ciam.client(), clientCredentials())
    const { method, path, query, headers, body } = ciam.lastTokenRequest()
    expect([method, path, query]).toEqual(['POST', '/ciam-mfa/v2/get/token', ''])
    expect(headers['content-type']).toBe('application/json')
    expect(JSON.parse(body)).toEqual({
      grant_type: 'client_credentials',
      client_id: ciam.system.clientId,
      client_secret: ciam.system.clientSecret,
    })
  })

  test('is a form when the server wants one, as its own error list says', async () => {
    await using ciam = await startCiam()
    ciam.system.settings.bodyFormats = ['form']
    await requestTokenSet(ciam.client({}, { format: 'form' }), clientCredentials())
    const { headers, parameterList } = ciam.lastTokenRequest()
    expect(headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect(Object.fromEntries(parameterList)).toEqual({
      grant_type: 'client_credentials',
      client_id: ciam.system.clientId,
      client_secret: ciam.system.clientSecret,
    })
  })

  test('spells client_credential as the sample payload does, when told to', async () => {
    await using ciam = await startCiam()
    ciam.system.settings.grantTypes = ['client_credential']
    await requestTokenSet(ciam.client({}, { grantType: 'client_credential' }), clientCredentials())
    expect(ciam.lastTokenRequest()).toMatchObject({ status: 200, parameters: { grant_type: 'client_credential' } })
  })

  test('goes to whatever path is configured, such as the v1 of the OpenAPI file', () => {
    const tokenEndpoint = 'https://ciam.example.com/ciam-mfa/v1/get/token'
    expect(fiservCiam({ tokenEndpoint }).metadata.token_endpoint).toBe(tokenEndpoint)
  })

  test.each(['json', 'form'] as const)('never carries a Basic header, in %s', async format => {
    await using ciam = await startCiam()
    await requestTokenSet(ciam.client({}, { format }), clientCredentials())
    expect(ciam.lastTokenRequest().headers).not.toHaveProperty('authorization')
  })

  test('Basic authentication is refused when the client is made', () => {
    const provider = fiservCiam({ tokenEndpoint: 'https://ciam.example.com/token' })
    const make = () => createClient({ provider, clientId: 'id', auth: clientSecretBasic('secret') })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option: 'auth' }))
  })

  test.each(['json', 'form'] as const)('secrets with any characters arrive as they are, in %s', async format => {
    await using ciam = await startCiam()
    ciam.system.clientSecret = 'S^7j|)v,Zd "\\+&=%20:ü'
    await requestTokenSet(ciam.client({}, { format }), clientCredentials())
    expect(ciam.lastTokenRequest()).toMatchObject({
      status: 200,
      parameters: { client_secret: 'S^7j|)v,Zd "\\+&=%20:ü' },
    })
  })
})

describe('scope', () => {
  test('is not sent unless it is configured', async () => {
    await using ciam = await startCiam()
    await requestTokenSet(ciam.client(), clientCredentials())
    expect(ciam.lastTokenRequest().parameters).not.toHaveProperty('scope')
  })

  test.each(['application.client', 'application.client domain.manage', 'iam.root'])(
    '"%s" is sent to Provisioning, which requires one',
    async scope => {
      await using ciam = await startCiam()
      ciam.system.settings.scopeRequired = true
      const tokenSet = await requestTokenSet(ciam.client(), clientCredentials({ scope }))
      expect(ciam.lastTokenRequest().parameters.scope).toBe(scope)
      expect(tokenSet.scope).toBe(scope)
    },
  )
})
