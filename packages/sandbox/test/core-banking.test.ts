import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type CoreBanking, type Sandbox, startSandbox } from '../src/index.js'
import { call, callApi, type Received } from './client.js'

let sandbox: Sandbox
let system: CoreBanking
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.coreBanking
})
afterEach(() => sandbox.stop())

const authenticate = (changes: Record<string, unknown> = {}, type = 'application/json') =>
  call(sandbox, system, system.tokenEndpoint, {
    method: 'POST',
    headers: { 'content-type': type },
    body: JSON.stringify({ clientId: system.clientId, clientSecret: system.clientSecret, ...changes }),
  })
const failure = ({ status, json }: Received) => [status, json.errors[0].errorCode, json.errors[0].errorMessage]

describe('authentication', () => {
  test('answers with its own member names, in no envelope', async () => {
    const { status, json } = await authenticate()
    const now = Math.floor(sandbox.now() / 1000)
    expect(status).toBe(200)
    expect(Object.keys(json)).toEqual(['accessToken', 'tokenType', 'expirationTime', 'tokenValiditySec'])
    expect(json).toMatchObject({ tokenType: 'Bearer', tokenValiditySec: 3600 })
    expect(Math.abs(json.expirationTime - now - 3600)).toBeLessThan(30)
    expect(JSON.parse(Buffer.from(json.accessToken.split('.')[1], 'base64url').toString()).actor_type).toBe(
      'api_client',
    )
  })

  test('writes the expiry in milliseconds, as text or not at all', async () => {
    system.settings.expirationTime = 'milliseconds'
    expect((await authenticate()).json.expirationTime).toBeGreaterThan(1e11)
    system.settings.expirationTime = 'string'
    expect((await authenticate()).json.expirationTime).toMatch(/^\d{10}$/)
    system.settings.expirationTime = 'absent'
    system.settings.tokenValiditySec = '"3600"'
    const { text } = await authenticate()
    expect(text).toMatch(/"tokenType":"Bearer","tokenValiditySec":"3600"\}$/)
    system.settings.tokenValiditySec = ''
    expect(Object.keys((await authenticate()).json)).toEqual(['accessToken', 'tokenType'])
  })

  test.each([
    ['a wrong secret', { clientSecret: 'wrong' }, 'Invalid client credentials'],
    ['an unknown client', { clientId: 'nobody' }, 'Invalid client credentials'],
    ['no secret', { clientSecret: undefined }, 'clientId and clientSecret are required'],
    ['101 characters', { clientSecret: 'x'.repeat(101) }, 'clientId and clientSecret must be at most 100 characters'],
  ])('is refused with 400 for %s', async (_name, changes, message) => {
    expect(failure(await authenticate(changes))).toEqual([400, 'E400', message])
  })

  test('takes 100 characters', async () => {
    system.clientSecret = 'x'.repeat(100)
    expect((await authenticate()).status).toBe(200)
  })

  test('wants JSON', async () => {
    expect((await authenticate({}, 'text/plain')).status).toBe(400)
  })

  test('wants clientId, and takes clientID only where names bind in any case', async () => {
    const other = { clientId: undefined, clientID: system.clientId }
    expect((await authenticate(other)).status).toBe(400)
    system.settings.memberNames = 'any-case'
    expect((await authenticate(other)).status).toBe(200)
  })

  test('moves to another path', async () => {
    const before = system.tokenEndpoint
    system.settings.authenticatePath = '/api/auth/v1/token'
    expect(new URL(system.tokenEndpoint).pathname).toBe('/api/auth/v1/token')
    expect((await authenticate()).status).toBe(200)
    expect((await call(sandbox, system, before, { method: 'POST' })).status).toBe(404)
  })

  test('is refused to a client that slept too long, though its secret is good', async () => {
    system.settings.clientDeactivated = true
    expect((await authenticate()).status).toBe(400)
  })
})

describe('the API', () => {
  const transfer = (token: string, reference?: string) =>
    call(sandbox, system, system.transfersUrl, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        ...(reference === undefined ? {} : { 'request-reference': reference }),
      },
      body: '{"amount":1}',
    })

  test('answers a good token in an envelope and a bad one with errors', async () => {
    const { accessToken } = (await authenticate()).json
    expect((await callApi(sandbox, system, accessToken)).json).toMatchObject({ status: true, message: 'Successful' })
    sandbox.advance(3_600_000)
    const answer = await callApi(sandbox, system, accessToken)
    expect(failure(answer)).toEqual([401, 'E401', 'Token expired'])
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(failure(await callApi(sandbox, system, 'unknown'))).toEqual([401, 'E401', 'Invalid token'])
    expect(failure(await call(sandbox, system, system.apiUrl))).toEqual([401, 'E401', 'Unauthorized'])
  })

  test('carries out one operation for one Request-Reference', async () => {
    const { accessToken } = (await authenticate()).json
    expect((await transfer('expired', 'r-1')).status).toBe(401)
    expect(system.operations).toEqual([])
    await transfer(accessToken, 'r-1')
    await transfer(accessToken, 'r-1')
    await transfer(accessToken, 'r-2')
    expect(system.operations.map(({ reference, requests }) => [reference, requests])).toEqual([
      ['r-1', 2],
      ['r-2', 1],
    ])
  })

  test('wants a Request-Reference of at most 100 characters', async () => {
    const { accessToken } = (await authenticate()).json
    expect((await transfer(accessToken)).status).toBe(400)
    expect((await transfer(accessToken, 'x'.repeat(101))).status).toBe(400)
    expect((await transfer(accessToken, 'x'.repeat(100))).status).toBe(200)
  })

  test('refuses a revoked token', async () => {
    const { accessToken } = (await authenticate()).json
    expect(system.revoke(accessToken)).toBe(true)
    expect(system.revoke('unknown')).toBe(false)
    expect(failure(await callApi(sandbox, system, accessToken))[2]).toBe('Invalid token')
  })
})
