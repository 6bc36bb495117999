import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox, type Wso2IdentityServer } from '../src/index.js'
import { assertionType, call, callApi, clientAssertion, requestToken } from './client.js'

let sandbox: Sandbox
let system: Wso2IdentityServer
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.wso2IdentityServer
})
afterEach(() => sandbox.stop())

const part = (jwt: string, index: number) =>
  JSON.parse(Buffer.from(jwt.split('.')[index] ?? '', 'base64url').toString())

const userTokens = async () => {
  const code = system.approve({ clientId: system.clientId, scope: 'openid accounts', consentId: 'c-1' })
  return (await requestToken(sandbox, system, { grant_type: 'authorization_code', code })).json
}

describe('an application token', () => {
  test('loses openid and comes without an ID token', async () => {
    const { json } = await requestToken(sandbox, system)
    expect(Object.keys(json)).toEqual(['access_token', 'scope', 'token_type', 'expires_in'])
    expect(json.scope).toBe('accounts')
  })

  test('is a JWT bound to the certificate and signed with the published key', async () => {
    const { access_token: token } = (await requestToken(sandbox, system)).json
    const der = new X509Certificate(system.certificate.cert).raw
    const thumbprint = createHash('sha256').update(der).digest('base64url')
    expect(part(token, 1)).toMatchObject({
      iss: system.issuer,
      sub: system.clientId,
      aut: 'APPLICATION',
      scope: 'accounts',
      cnf: { 'x5t#S256': thumbprint },
    })
    const { keys } = (await call(sandbox, system, system.jwksUri)).json
    const { kid } = part(token, 0)
    expect(kid).toMatch(/_RS256$/)
    const key = createPublicKey({ key: keys.find((jwk: { kid: string }) => jwk.kid === kid), format: 'jwk' })
    const [header, claims, signature = ''] = token.split('.')
    const signed = Buffer.from(`${header}.${claims}`)
    expect(verify('sha256', signed, key, Buffer.from(signature, 'base64url'))).toBe(true)
  })

  test('revokes the one before at once', async () => {
    const first = (await requestToken(sandbox, system)).json.access_token
    await requestToken(sandbox, system)
    expect((await callApi(sandbox, system, first)).status).toBe(401)
  })

  test('without any scope has no scope member', async () => {
    expect(Object.keys((await requestToken(sandbox, system, { scope: '' })).json)).not.toContain('scope')
    expect((await requestToken(sandbox, sandbox.wso2ApiManager, { scope: '' })).json.scope).toBe('default')
  })

  test('may be asked for in JSON', async () => {
    const body = JSON.stringify({
      grant_type: 'client_credentials',
      scope: 'accounts',
      client_assertion_type: assertionType,
      client_assertion: clientAssertion(sandbox, system),
    })
    const headers = { 'content-type': 'application/json' }
    const { certificate, tokenEndpoint } = system
    expect((await call(sandbox, system, tokenEndpoint, { method: 'POST', headers, body, certificate })).status).toBe(
      200,
    )
  })
})

describe('discovery', () => {
  test('is below the token path, and issuer and token endpoint are one string', async () => {
    const { json } = await call(sandbox, system, system.discoveryUrl)
    expect(json).toMatchObject({ issuer: system.tokenEndpoint, token_endpoint: system.tokenEndpoint })
    const atTheRoot = await call(sandbox, system, `${system.origin}/.well-known/openid-configuration`)
    expect(atTheRoot.status).toBe(404)
  })
})

describe('revocation', () => {
  const post = (url: string, token: string, headers = {}, assertion = clientAssertion(sandbox, system)) => {
    const parameters = { token, client_assertion_type: assertionType, client_assertion: assertion }
    return call(sandbox, system, url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(parameters).toString(),
      certificate: system.certificate,
    })
  }
  const admin = { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` }

  test('answers nothing under a JSON content type and ends the whole consent', async () => {
    const tokens = await userTokens()
    const answer = await post(system.revocationEndpoint, tokens.access_token)
    expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([200, '', 'application/json'])
    expect((await callApi(sandbox, system, tokens.access_token)).status).toBe(401)
    const refreshed = await requestToken(sandbox, system, {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token,
      scope: 'accounts',
    })
    expect(refreshed.json.error).toBe('invalid_grant')
  })

  test('spares the refresh token where the consent outlives it', async () => {
    system.settings.revocationEndsConsent = false
    const tokens = await userTokens()
    await post(system.revocationEndpoint, tokens.access_token)
    const refreshed = await requestToken(sandbox, system, {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token,
      scope: 'accounts',
    })
    expect(refreshed.status).toBe(200)
  })

  test('of an unknown token succeeds', async () => {
    expect((await post(system.revocationEndpoint, 'unknown')).status).toBe(200)
  })

  test('calls the JSON of its 401 text/html', async () => {
    const assertion = clientAssertion(sandbox, system, { header: { kid: 'stale' } })
    const answer = await post(system.revocationEndpoint, 'any', {}, assertion)
    expect([answer.status, answer.headers['content-type'], answer.json.error]).toEqual([
      401,
      'text/html',
      'invalid_client',
    ])
  })

  test('shows in the introspection, which wants an administrator', async () => {
    const { access_token: token } = await userTokens()
    expect((await post(system.introspectionEndpoint, token)).status).toBe(401)
    expect((await post(system.introspectionEndpoint, token, admin)).json).toMatchObject({
      active: true,
      client_id: system.clientId,
      aut: 'APPLICATION_USER',
      binding_type: 'certificate',
    })
    await post(system.revocationEndpoint, token)
    expect((await post(system.introspectionEndpoint, token, admin)).json).toEqual({ active: false })
    const nothing = await post(system.introspectionEndpoint, '', admin)
    expect([nothing.status, nothing.json]).toEqual([400, { error: 'Invalid input' }])
  })
})

describe('the record', () => {
  test('lists the calls to the gateway too, and faults for the API reach it', async () => {
    const { access_token: token } = (await requestToken(sandbox, system)).json
    system.fail({ kind: 'status', status: 503 }, { on: 'api' })
    expect((await callApi(sandbox, system, token)).status).toBe(503)
    expect((await callApi(sandbox, system, token)).status).toBe(200)
    expect(system.requests.map(({ kind, status }) => [kind, status])).toEqual([
      ['token', 200],
      ['api', 503],
      ['api', 200],
    ])
  })
})
