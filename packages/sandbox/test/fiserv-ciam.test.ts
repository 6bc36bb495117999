import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FiservCiam, type Sandbox, startSandbox } from '../src/index.js'
import { call, callApi, postForm, type Received } from './client.js'

let sandbox: Sandbox
let system: FiservCiam
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.fiservCiam
})
afterEach(() => sandbox.stop())

const credentials = (changes: Record<string, string | undefined> = {}) => ({
  grant_type: 'client_credentials',
  client_id: system.clientId,
  client_secret: system.clientSecret,
  ...changes,
})
const postJson = (changes: Record<string, string | undefined> = {}, headers = {}) =>
  call(sandbox, system, system.tokenEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(credentials(changes)),
  })
const failure = ({ status, json }: Received) => [status, json.error, json.message]

describe('a token', () => {
  test('comes for JSON and for a form, with any characters in the secret', async () => {
    expect(system.clientSecret).toBe('S^7j|)v,Zd')
    const { status, json } = await postJson()
    expect([status, json.token_type, json.expires_in]).toEqual([200, 'Bearer', 7199])
    expect(Object.keys(json)).toEqual(['access_token', 'token_type', 'expires_in'])
    system.clientSecret = 'a+b %&="\\é'
    expect((await postForm(sandbox, system, credentials() as Record<string, string>)).status).toBe(200)
    expect((await postJson()).status).toBe(200)
  })

  test('has the client as its audience and neither iat nor jti', async () => {
    const { access_token: token } = (await postJson()).json
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())
    expect(Object.keys(claims)).toEqual(['scope', 'authorization_details', 'client_id', 'iss', 'aud', 'exp'])
    expect(claims).toMatchObject({ aud: system.clientId, authorization_details: [] })
  })

  test('is a new one each time', async () => {
    const [first, second] = [await postJson(), await postJson()]
    expect(first.json.access_token).not.toBe(second.json.access_token)
  })

  test('comes for either spelling of the grant type, or for one only', async () => {
    expect((await postJson({ grant_type: 'client_credential' })).status).toBe(200)
    system.settings.grantTypes = ['client_credential']
    expect((await postJson()).status).toBe(400)
  })

  test('of Provisioning needs a scope it knows', async () => {
    system.settings.scopeRequired = true
    expect((await postJson()).status).toBe(400)
    expect((await postJson({ scope: 'application.client domain.manage' })).status).toBe(200)
    expect((await postJson({ scope: 'application.client other' })).status).toBe(400)
  })

  test('may have another lifetime than it says', async () => {
    system.settings.expiresIn = '"7199"'
    expect((await postJson()).json.expires_in).toBe('7199')
    system.settings.expiresIn = ''
    expect(Object.keys((await postJson()).json)).not.toContain('expires_in')
  })
})

describe('a token request', () => {
  test('with a Basic header is refused, whatever the body says', async () => {
    const authorization = `Basic ${Buffer.from(`${system.clientId}:${system.clientSecret}`).toString('base64')}`
    expect(failure(await postJson({}, { authorization }))).toEqual([400, 10029, 'Basic authorization not allowed'])
  })

  test.each([
    ['no grant type', { grant_type: undefined }, 400, 10028],
    ['another grant type', { grant_type: 'password' }, 400, 10028],
    ['no client id', { client_id: undefined }, 400, 10030],
    ['no secret', { client_secret: undefined }, 400, 10031],
    ['a wrong secret', { client_secret: 'wrong' }, 401, 10002],
    ['an unknown client', { client_id: 'nobody' }, 401, 10002],
  ])('with %s is refused', async (_name, changes, status, code) => {
    expect(failure(await postJson(changes)).slice(0, 2)).toEqual([status, code])
  })

  test('in a format that is not read is refused as 10028', async () => {
    system.settings.bodyFormats = ['form']
    expect(failure(await postJson())[2]).toMatch(/x-www-form-urlencoded/)
    system.settings.bodyFormats = ['json']
    const form = await postForm(sandbox, system, credentials() as Record<string, string>)
    expect(failure(form)[1]).toBe(10028)
    expect((await postJson()).status).toBe(200)
  })
})

describe('an error', () => {
  const refused = () => callApi(sandbox, system, 'unknown')

  test('has three shapes, and a fourth for Provisioning', async () => {
    const uuid = expect.stringMatching(/^[\da-f-]{36}$/)
    const message = 'Invalid token or client not registered'
    const time = (pattern: RegExp) => expect.stringMatching(pattern)
    const iso = time(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect((await refused()).json).toEqual({ error: 10002, message, traceid: uuid, timestamp: iso })
    system.settings.errorShape = 'examples'
    const dotted = time(/^\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d$/)
    expect((await refused()).json).toEqual({ code: '10002', message, traceId: uuid, timestamp: dotted })
    system.settings.errorShape = 'sample'
    const month = time(/^[A-Z][a-z]{2}-\d\d-\d{4} \d\d:\d\d:\d\d\.\d{3} \+0000$/)
    expect((await refused()).json).toEqual({ error: 10002, message, traceID: uuid, timestamp: month, details: [] })
    system.settings.errorShape = 'scim'
    const scim = await refused()
    expect(scim.headers['content-type']).toBe('application/scim+json')
    expect(scim.json).toMatchObject({ status: '401', scimType: '10002', detail: message })
  })

  test('tells an expired token from an invalid one', async () => {
    const { access_token: token } = (await postJson()).json
    expect((await callApi(sandbox, system, token)).status).toBe(200)
    sandbox.advance(7_199_000)
    expect(failure(await callApi(sandbox, system, token))).toEqual([401, 10001, 'Access token has expired'])
    expect(failure(await refused()).slice(0, 2)).toEqual([401, 10002])
    const other = (await postJson()).json.access_token
    system.revoke(other)
    expect(failure(await callApi(sandbox, system, other)).slice(0, 2)).toEqual([401, 10002])
  })

  test('can be a 401 that no new token helps', async () => {
    system.settings.apiRefusal = { status: 401, code: 10027, message: 'Locked' }
    const { access_token: token } = (await postJson()).json
    expect(failure(await callApi(sandbox, system, token))).toEqual([401, 10027, 'Locked'])
  })
})
