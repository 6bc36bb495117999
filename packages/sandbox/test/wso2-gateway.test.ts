import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox, type Wso2ApiManager } from '../src/index.js'
import { call, callApi, requestToken } from './client.js'

let sandbox: Sandbox
let system: Wso2ApiManager
let token: string
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.wso2ApiManager
  token = (await requestToken(sandbox, system)).json.access_token
})
afterEach(() => sandbox.stop())

const userToken = async () => {
  const code = system.approve({ clientId: system.clientId, scope: 'openid accounts' })
  const answer = await requestToken(sandbox, system, { grant_type: 'authorization_code', code })
  return answer.json.access_token as string
}

describe('a token', () => {
  test('is refused once it expired', async () => {
    sandbox.advance(3_600_000)
    expect((await callApi(sandbox, system, token)).json.code).toBe('900901')
  })

  test('is refused once it was revoked', async () => {
    system.revokeAllTokens()
    expect((await callApi(sandbox, system, token)).json.code).toBe('900901')
  })

  test('dies before its time where the gateway deducts a skew', async () => {
    system.settings.tokensDieEarlySeconds = 300
    sandbox.advance(3_299_000)
    expect((await callApi(sandbox, system, token)).status).toBe(200)
    sandbox.advance(1500)
    expect((await callApi(sandbox, system, token)).status).toBe(401)
  })

  test('that is missing is another code', async () => {
    const answer = await call(sandbox, system, system.apiUrl, { certificate: system.certificate })
    expect([answer.status, answer.json.code]).toEqual([401, '900902'])
  })

  test('without the scope of the resource is forbidden', async () => {
    const other = (await requestToken(sandbox, system, { scope: 'payments' })).json.access_token
    const answer = await callApi(sandbox, system, other)
    expect([answer.status, answer.json.code]).toEqual([403, '900910'])
  })

  test('of an application is the wrong type where a user must have agreed', async () => {
    system.settings.accountsNeedUserToken = true
    expect((await callApi(sandbox, system, token)).json.code).toBe('900905')
    expect((await callApi(sandbox, system, await userToken())).status).toBe(200)
  })
})

describe('a refusal', () => {
  const refused = () => callApi(sandbox, system, 'unknown')

  test('is JSON with the code as a string', async () => {
    expect((await refused()).json).toEqual({
      code: '900901',
      message: 'Invalid Credentials',
      description: 'Invalid JWT token.',
    })
  })

  test('is a JSON fault with the code as a number', async () => {
    system.settings.gatewayFault = 'fault'
    expect((await refused()).json).toEqual({
      fault: { code: 900901, message: 'Invalid Credentials', description: 'Access failure' },
    })
  })

  test('is XML, under a content type that need not be right', async () => {
    system.settings.gatewayFault = 'xml'
    const answer = await refused()
    expect(answer.headers['content-type']).toBe('application/xml; charset=UTF-8')
    expect(answer.text).toContain(
      '<ams:fault xmlns:ams="http://wso2.org/apimanager/security"><ams:code>900901</ams:code>',
    )
    system.settings.gatewayContentType = 'application/json'
    expect((await refused()).headers['content-type']).toBe('application/json')
  })

  test.each([
    ['2.x', 'OAuth2 realm="WSO2 API Manager", error="invalid token", error_description="The access token expired"'],
    ['3.x', 'OAuth2 realm="WSO2 API Manager", error="invalid_token", error_description="The access token expired"'],
    [
      '4.x',
      'Internal API Key realm="WSO2 API Manager", Bearer realm="WSO2 API Manager", error="invalid_token", error_description="The provided token is invalid"',
    ],
    [
      'null-bearer',
      'null Bearer realm="WSO2 API Manager", error="invalid_token", error_description="The provided token is invalid"',
    ],
    [
      'basic-auth',
      'OAuth2 realm="WSO2 API Manager" Basic Auth realm="WSO2 API Manager" null, error="invalid_token", error_description="The provided token is invalid"',
    ],
    ['none', undefined],
  ] as const)('carries the challenge of %s', async (gatewayChallenge, header) => {
    system.settings.gatewayChallenge = gatewayChallenge
    expect((await refused()).headers['www-authenticate']).toBe(header)
  })

  test.each([
    [900900, 500],
    [900907, 401],
    [900908, 403],
    [900909, 401],
    [900912, 401],
    [900800, 429],
    [900801, 503],
    [900802, 429],
    [700700, 503],
  ])('can be %i for any call, with status %i', async (code, status) => {
    system.settings.gatewayRefusal = code
    const answer = await callApi(sandbox, system, token)
    expect([answer.status, answer.json.code]).toEqual([status, String(code)])
  })

  test('of an expired token lands on 900900 behind a third-party key manager', async () => {
    system.settings.invalidTokenCode = 900900
    expect((await refused()).status).toBe(500)
    expect((await callApi(sandbox, system, token)).status).toBe(200)
  })

  test('of an unknown resource is a 403 below an API and a 404 elsewhere', async () => {
    const { certificate } = system
    const below = await call(sandbox, system, `${system.apiOrigin}/open-banking/v3.1/aisp/none`, { certificate })
    expect([below.status, below.json.code]).toEqual([403, '900906'])
    expect((await call(sandbox, system, `${system.apiOrigin}/none`, { certificate })).status).toBe(404)
  })
})

describe('the certificate of a call', () => {
  test.each([
    ['missing', '200007', 'is missing'],
    ['foreign', '200003', 'is invalid'],
    ['expired', '200008', 'is expired'],
  ] as const)('that is %s gets code %s', async (kind, code, words) => {
    const certificate = kind === 'missing' ? undefined : sandbox.certificates[kind]
    const answer = await callApi(sandbox, system, token, { certificate })
    expect(answer.status).toBe(401)
    expect(answer.json.errors[0]).toMatchObject({ Code: code, Message: expect.stringContaining(words) })
    system.settings.certificateErrors = '4.x'
    const newer = await callApi(sandbox, system, token, { certificate })
    expect(newer.json.errors[0]).toMatchObject({ code, description: expect.stringContaining(words) })
  })
})

describe('a consent', () => {
  const body = JSON.stringify({ Data: { Permissions: ['ReadAccountsBasic'] }, Risk: {} })
  const post = (bearer: string, text = body) =>
    call(sandbox, system, system.consentsUrl, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        'x-fapi-interaction-id': 'i-1',
      },
      body: text,
      certificate: system.certificate,
    })
  const consent = (method: string, id: string) =>
    call(sandbox, system, `${system.consentsUrl}/${id}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      certificate: system.certificate,
    })

  test('is created, read and deleted with an application token', async () => {
    const created = await post(token)
    expect([created.status, created.headers['x-fapi-interaction-id']]).toEqual([201, 'i-1'])
    expect(created.json.Data).toMatchObject({ Status: 'AwaitingAuthorisation', Permissions: ['ReadAccountsBasic'] })
    const { ConsentId } = created.json.Data
    expect((await consent('GET', ConsentId)).json.Data.ConsentId).toBe(ConsentId)
    expect((await consent('DELETE', ConsentId)).status).toBe(204)
    expect((await consent('GET', ConsentId)).status).toBe(400)
  })

  test('is refused to a user token', async () => {
    const answer = await post(await userToken())
    expect([answer.status, answer.json.code]).toEqual([401, '900905'])
  })

  test.each(['', '[]', '{"Risk":{}}', 'not json'])('is refused for the body %s', async text => {
    expect((await post(token, text)).status).toBe(400)
  })

  test('that is deleted takes its tokens with it', async () => {
    const { ConsentId } = (await post(token)).json.Data
    const code = system.approve({ clientId: system.clientId, scope: 'accounts', consentId: ConsentId })
    const answer = await requestToken(sandbox, system, { grant_type: 'authorization_code', code })
    await consent('DELETE', ConsentId)
    expect((await callApi(sandbox, system, answer.json.access_token)).status).toBe(401)
  })
})
