import { once } from 'node:events'
import https from 'node:https'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox, type Wso2Apk } from '../src/index.js'
import { call, callApi, postForm, type Received } from './client.js'

let sandbox: Sandbox
let system: Wso2Apk
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.wso2Apk
})
afterEach(() => sandbox.stop())

const basic = (credentials = `${system.clientId}:${system.clientSecret}`) => ({
  authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
})
const request = (parameters: Record<string, string>, headers: Record<string, string> = basic()) =>
  postForm(sandbox, system, parameters, { headers })
const error = ({ status, json }: Received) => [status, json.error, json.error_description]
const serverError = [400, 'server_error', 'Server Error occured on generating token']
const grant = { grant_type: 'client_credentials' }

describe('an application token', () => {
  test('is granted the scope asked for, unchecked, or default', async () => {
    expect((await request(grant)).json).toMatchObject({ scope: 'default', expires_in: 3600, token_type: 'Bearer' })
    const { json } = await request({ ...grant, scope: 'apk:api_create anything' })
    expect(json.scope).toBe('apk:api_create anything')
    expect(json.refresh_token).toBeUndefined()
  })

  test('has an issuer that is not the token URL', async () => {
    const { access_token: token } = (await request(grant)).json
    const [header, claims] = token.split('.').map((text: string) => Buffer.from(text, 'base64url').toString())
    expect(JSON.parse(header)).toMatchObject({ alg: 'RS256', kid: 'gateway_certificate_alias' })
    expect(JSON.parse(claims)).toMatchObject({ iss: 'https://idp.am.wso2.com/token', clientId: system.clientId })
  })

  test('may have a decimal lifetime', async () => {
    system.settings.expiresIn = '3600.0'
    expect((await request(grant)).text).toContain('"expires_in":3600.0')
  })
})

describe('the Basic header', () => {
  test.each([
    ['missing', () => ({}), [401, 'access_denied', 'Unauthorized']],
    [
      'in lower case',
      () => ({ authorization: basic().authorization.replace('Basic', 'basic') }),
      [401, 'access_denied', 'Unauthorized'],
    ],
    ['without a colon', () => basic('only-an-id'), [401, 'access_denied', 'Unauthorized']],
    ['with two colons', () => basic(`${system.clientId}:a:b`), [401, 'access_denied', 'Unauthorized']],
    ['of an unknown client', () => basic('nobody:secret'), [401, 'access_denied', 'Invalide Client Id/Secret']],
    [
      'with a wrong secret',
      () => basic(`${system.clientId}:wrong`),
      [401, 'unauthorized_client', 'Invalide Client Id/Secret'],
    ],
    ['that is not base64', () => ({ authorization: 'Basic %%%' }), serverError],
  ] as [string, () => Record<string, string>, unknown[]][])(
    '%s is refused without a challenge',
    async (_name, make, expected) => {
      const answer = await request(grant, make())
      expect(error(answer)).toEqual(expected)
      expect(answer.headers['www-authenticate']).toBeUndefined()
    },
  )

  test('is not percent-decoded, as RFC 6749 would have it', async () => {
    system.clientSecret = 'a b+c%/é'
    expect((await request(grant, basic(`${system.clientId}:a b+c%/é`))).status).toBe(200)
    expect((await request(grant, basic(`${system.clientId}:${encodeURIComponent('a b+c%/é')}`))).status).toBe(401)
  })

  test('is not replaced by credentials in the body', async () => {
    const parameters = { ...grant, client_id: system.clientId, client_secret: system.clientSecret }
    expect(error(await request(parameters, {}))).toEqual([401, 'access_denied', 'Unauthorized'])
    expect((await request({ ...parameters, client_secret: 'ignored' })).status).toBe(200)
  })
})

/** A token request with any SNI and any `Host`; node:https, since undici takes the one from the other. */
async function statusUnder(servername: string, host: string): Promise<number | undefined> {
  const sent = https.request({
    host: system.connectTo.host,
    port: system.connectTo.port,
    path: '/oauth2/token',
    method: 'POST',
    headers: { ...basic(), host: `${host}:9095`, 'content-type': 'application/x-www-form-urlencoded' },
    servername,
    ca: sandbox.ca,
    checkServerIdentity: () => undefined,
    agent: false,
  })
  sent.end('grant_type=client_credentials')
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

describe('a request', () => {
  test('without a grant type is a server error of status 400', async () => {
    expect(error(await request({}))).toEqual(serverError)
  })

  test.each(['password', 'constructor'])('for the grant %s is unsupported', async type => {
    expect(error(await request({ grant_type: type })).slice(0, 2)).toEqual([400, 'unsupported_grant_type'])
  })

  test('for a grant the application does not have is unsupported', async () => {
    system.settings.grantTypes = ['refresh_token']
    expect(error(await request(grant)).slice(0, 2)).toEqual([400, 'unsupported_grant_type'])
  })

  test('is routed by Host and SNI, and is lost with any other', async () => {
    expect(await statusUnder('idp.am.wso2.com', 'idp.am.wso2.com')).toBe(200)
    expect(await statusUnder('idp.am.wso2.com', 'default.gw.wso2.com')).toBe(404)
    expect(await statusUnder('default.gw.wso2.com', 'idp.am.wso2.com')).toBe(404)
    expect(await statusUnder('default.gw.wso2.com', 'default.gw.wso2.com')).toBe(404)
    expect(await statusUnder('localhost', 'localhost')).toBe(404)
    expect((await request(grant)).status).toBe(200)
    expect(system.requests.at(-1)).toMatchObject({ tlsServername: 'idp.am.wso2.com' })
    expect(system.requests.at(-1)?.headers.host).toBe('idp.am.wso2.com:9095')
  })

  test('under the name of the machine fails in the handshake, since the certificate is for others', async () => {
    const url = `https://localhost:${system.connectTo.port}/oauth2/token`
    await expect(call(sandbox, system, url, { method: 'POST' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  })
})

describe('the code and refresh token grants', () => {
  const exchange = (code: string, redirectUri = system.redirectUri) =>
    request({ grant_type: 'authorization_code', code, redirect_uri: redirectUri })
  const refresh = (token: string) => request({ grant_type: 'refresh_token', refresh_token: token })
  const approve = () => system.approve({ clientId: system.clientId, scope: 'openid' })

  test('give a new refresh token each time while the old one lives on', async () => {
    const first = (await exchange(approve())).json
    expect(first.scope).toBe('openid')
    const second = (await refresh(first.refresh_token)).json
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect((await refresh(first.refresh_token)).status).toBe(200)
    sandbox.advance(86_400_000)
    expect(error(await refresh(first.refresh_token))).toEqual(serverError)
  })

  test('call a dead code and a dead refresh token a server error', async () => {
    expect(error(await exchange('wrong'))).toEqual(serverError)
    expect(error(await refresh('wrong'))).toEqual(serverError)
    const code = approve()
    sandbox.advance(600_000)
    expect(error(await exchange(code))).toEqual(serverError)
  })

  test('refuse another redirect_uri', async () => {
    expect(error(await exchange(approve(), 'https://app.example.com/other'))).toEqual([
      400,
      'unauthorized_client',
      'redirectUrl not matched with application',
    ])
  })

  test('refuse what is missing and the wrong kind of token', async () => {
    const { access_token: accessToken, refresh_token: refreshToken } = (await exchange(approve())).json
    for (const answer of [
      await exchange(''),
      await refresh(''),
      await exchange(refreshToken),
      await refresh(accessToken),
    ]) {
      expect(error(answer).slice(0, 2)).toEqual([400, 'invalid_request'])
    }
  })

  test('cannot be approved for an unknown client', () => {
    expect(() => system.approve({ clientId: 'nobody' })).toThrow(/clientId/)
  })
})

describe('the 2.x mock', () => {
  beforeEach(() => {
    system.settings.version = '2.x'
  })

  test('asks for no authentication, under another path, and answers without a scope', async () => {
    expect(system.tokenEndpoint).toBe('https://idp.am.wso2.com:9095/oauth2/1.0.0/token')
    const { json } = await request({ ...grant, client_id: 'anyone' }, {})
    expect(Object.keys(json)).toEqual(['access_token', 'token_type', 'expires_in'])
    expect((await callApi(sandbox, system, json.access_token)).status).toBe(200)
  })

  test('has fixed refresh tokens', async () => {
    const { json } = await request({ grant_type: 'password', client_id: 'anyone' }, {})
    expect(json.refresh_token).toBe('dummy-refresh-token')
  })

  test('complains in plain text', async () => {
    const answer = await request({ ...grant }, {})
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'text/plain; charset=utf-8'])
    expect((await request({ grant_type: 'toString', client_id: 'anyone' }, {})).status).toBe(400)
    expect((await call(sandbox, system, system.tokenEndpoint)).status).toBe(405)
  })

  test('publishes its keys, which 1.x does not', async () => {
    const jwks = `${system.origin}/oauth2/jwks`
    expect((await call(sandbox, system, jwks)).json.keys).toHaveLength(1)
    system.settings.version = '1.x'
    expect((await call(sandbox, system, jwks)).status).toBe(404)
    expect((await call(sandbox, system, `${system.origin}/oauth2/keys`)).json).toEqual({})
  })
})

describe('the gateway', () => {
  const expired = async () => {
    const { access_token: token } = (await request(grant)).json
    sandbox.advance(3_600_000)
    return token as string
  }

  test('of 1.0 calls everything 900901, with a challenge', async () => {
    const answer = await callApi(sandbox, system, await expired())
    expect([answer.status, answer.json.code]).toEqual([401, '900901'])
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="APK", error="invalid_token"/)
    expect((await callApi(sandbox, system, 'unknown')).json.code).toBe('900901')
  })

  test('of 1.3 tells expired, missing and invalid apart', async () => {
    system.settings.gatewayVersion = '1.3'
    const answer = await callApi(sandbox, system, await expired())
    expect([answer.json.code, answer.headers['www-authenticate']]).toEqual(['900901', undefined])
    expect((await callApi(sandbox, system, 'unknown')).json.code).toBe('900903')
    expect((await call(sandbox, system, system.apiUrl)).json.code).toBe('900902')
  })

  test('may have its body replaced by Envoy', async () => {
    system.settings.gatewayVersion = 'local-reply'
    const answer = await callApi(sandbox, system, 'unknown')
    expect([answer.status, answer.json.code, answer.json.error_message]).toEqual([401, 401, 'Invalid Credentials'])
  })

  test('refuses a revoked token', async () => {
    const { access_token: token } = (await request(grant)).json
    system.revokeAllTokens()
    expect((await callApi(sandbox, system, token)).status).toBe(401)
  })
})
