import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt, importPKCS8, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox, type Wso2ApiManager } from '../src/index.js'
import { type CallOptions, call, requestToken } from './client.js'

let sandbox: Sandbox
let system: Wso2ApiManager
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.wso2ApiManager
})
afterEach(() => sandbox.stop())

/** The request as a software of the directory makes it; members set to undefined are left out. */
async function registrationRequest(changes: Record<string, unknown> = {}, key = system.signingKey): Promise<string> {
  const now = Math.floor(sandbox.now() / 1000)
  const claims = {
    iss: system.softwareId,
    aud: 'https://bank.example',
    iat: now,
    exp: now + 300,
    jti: crypto.randomUUID(),
    redirect_uris: system.redirectUris,
    token_endpoint_auth_method: 'private_key_jwt',
    software_statement: system.softwareStatement,
    ...changes,
  }
  return new SignJWT(claims).setProtectedHeader({ alg: 'PS256', kid: system.kid }).sign(await importPKCS8(key, 'PS256'))
}

async function register(body: string, options: CallOptions = {}) {
  const headers = { 'content-type': 'application/jwt' }
  const { certificate, registrationEndpoint } = system
  return call(sandbox, system, registrationEndpoint, { method: 'POST', headers, body, certificate, ...options })
}

describe('the registration API', () => {
  test('registers the software that the directory vouches for', async () => {
    expect(decodeJwt(system.softwareStatement)).toMatchObject({ software_id: system.softwareId })
    const { status, json } = await register(await registrationRequest())
    expect(status).toBe(201)
    expect(json).toMatchObject({
      client_id: system.clientId,
      client_secret_expires_at: 0,
      redirect_uris: system.redirectUris,
      token_endpoint_auth_method: 'private_key_jwt',
    })
    expect(json).not.toHaveProperty('jti')
    expect(system.requests.at(-1)).toMatchObject({ kind: 'registration', status: 201 })
  })

  test('takes a JWT once, in time, by a published key', async () => {
    const once = await registrationRequest()
    await register(once)
    const otherKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const refused: readonly [string, RegExp][] = [
      [once, /replayed/],
      [await registrationRequest({ exp: Math.floor(sandbox.now() / 1000) }), /expired/],
      [await registrationRequest({ aud: undefined }), /parameter aud/],
      [await registrationRequest({ iss: 'another' }), /Invalid issuer/],
      [await registrationRequest({}, otherKey.export({ type: 'pkcs8', format: 'pem' }).toString()), /signature/],
      ['{}', /Malformed/],
    ]
    for (const [body, words] of refused)
      expect((await register(body)).json).toEqual({
        error: 'invalid_client_metadata',
        error_description: expect.stringMatching(words),
      })
  })

  test('names a redirect URI and a software statement that are not the directory’s', async () => {
    const redirected = await registrationRequest({ redirect_uris: ['https://other.example/callback'] })
    expect((await register(redirected)).json.error).toBe('invalid_redirect_uri')
    const [header, , signature] = system.softwareStatement.split('.')
    const altered = Buffer.from(JSON.stringify({ software_id: system.softwareId })).toString('base64url')
    const forged = await registrationRequest({ software_statement: `${header}.${altered}.${signature}` })
    expect((await register(forged)).json.error).toBe('invalid_software_statement')
  })

  test('wants the certificate and its content type', async () => {
    expect((await register(await registrationRequest(), { certificate: undefined })).status).toBe(401)
    const headers = { 'content-type': 'application/json' }
    expect((await register(await registrationRequest(), { headers })).status).toBe(415)
  })

  test('shows, changes and ends a registration for the client’s own token', async () => {
    await register(await registrationRequest())
    const { access_token } = (await requestToken(sandbox, system)).json
    const { certificate } = system
    const url = `${system.registrationEndpoint}/${system.clientId}`
    const authorization = `Bearer ${access_token}`
    const read = () => call(sandbox, system, url, { certificate, headers: { authorization } })
    expect((await read()).json).toMatchObject({ client_id: system.clientId, redirect_uris: system.redirectUris })
    expect((await call(sandbox, system, url, { certificate })).status).toBe(401)
    expect((await call(sandbox, system, `${url}x`, { certificate, headers: { authorization } })).status).toBe(401)

    const body = await registrationRequest({ scope: 'accounts' })
    const headers = { authorization, 'content-type': 'application/jwt' }
    const changed = await call(sandbox, system, url, { method: 'PUT', headers, body, certificate })
    expect([changed.status, changed.json.scope]).toEqual([200, 'accounts'])

    const ended = await call(sandbox, system, url, { method: 'DELETE', headers: { authorization }, certificate })
    expect([ended.status, ended.text]).toEqual([204, ''])
    expect((await read()).status).toBe(401)
  })
})
