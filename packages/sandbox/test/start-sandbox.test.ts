import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { type SandboxOptions, startSandbox } from '../src/index.js'
import { agentFor, call, callApi, postForm, requestToken } from './client.js'

test('every system gives a token the documented way and its API takes it', async () => {
  await using sandbox = await startSandbox()
  const { wso2ApiManager, wso2IdentityServer, wso2Apk, coreBanking, fiservCiam, openid } = sandbox
  expect(sandbox.systems).toEqual([wso2ApiManager, wso2IdentityServer, wso2Apk, coreBanking, fiservCiam, openid])

  for (const system of [wso2ApiManager, wso2IdentityServer]) {
    const { json } = await requestToken(sandbox, system)
    expect((await callApi(sandbox, system, json.access_token)).status).toBe(200)
  }
  const basic = Buffer.from(`${wso2Apk.clientId}:${wso2Apk.clientSecret}`).toString('base64')
  const headers = { authorization: `Basic ${basic}` }
  const apk = await postForm(sandbox, wso2Apk, { grant_type: 'client_credentials' }, { headers })
  expect((await callApi(sandbox, wso2Apk, apk.json.access_token)).status).toBe(200)

  const post = (system: typeof coreBanking | typeof fiservCiam, body: object) =>
    call(sandbox, system, system.tokenEndpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const { clientId, clientSecret } = coreBanking
  const bank = await post(coreBanking, { clientId, clientSecret })
  expect((await callApi(sandbox, coreBanking, bank.json.accessToken)).status).toBe(200)

  const ciam = await post(fiservCiam, {
    grant_type: 'client_credentials',
    client_id: fiservCiam.clientId,
    client_secret: fiservCiam.clientSecret,
  })
  expect((await callApi(sandbox, fiservCiam, ciam.json.access_token)).status).toBe(200)
})

test('a client that does not know the CA cannot connect', async () => {
  await using sandbox = await startSandbox()
  const agent = agentFor({ ...sandbox, ca: (await startOther()).ca }, sandbox.coreBanking)
  await expect(call(sandbox, sandbox.coreBanking, sandbox.coreBanking.apiUrl, { agent })).rejects.toThrow()
  await agent.close()
})

async function startOther() {
  await using other = await startSandbox()
  return other
}

test('the record tells what was sent, to whom and on which connection', async () => {
  await using sandbox = await startSandbox()
  const { wso2ApiManager: system } = sandbox
  const agent = agentFor(sandbox, system, system.certificate)
  sandbox.advance(60_000)
  await requestToken(sandbox, system, {}, { agent, headers: { 'X-Mixed-Case': 'kept' } })
  await call(sandbox, system, `${system.tokenEndpoint}?a=b&c`, { agent })
  await agent.close()
  const [first, second] = system.requests
  expect(first).toMatchObject({ kind: 'token', method: 'POST', path: '/token', query: '', status: 200 })
  expect(first?.parameters).toMatchObject({ grant_type: 'client_credentials', scope: 'accounts openid' })
  expect(first?.body).toContain('scope=accounts+openid')
  expect(first?.headers['x-mixed-case']).toBe('kept')
  expect(first?.rawHeaders).toContain('X-Mixed-Case')
  expect(first?.tlsServername).toBe('localhost')
  expect(first?.clientCertificateThumbprint).toMatch(/^[\w-]{43}$/)
  expect(first?.at).toBeGreaterThan(Date.now() + 30_000)
  expect(second).toMatchObject({ kind: 'token', method: 'GET', path: '/token', query: 'a=b&c', status: 405 })
  expect(second?.connectionId).toBe(first?.connectionId)
  system.clearRequests()
  expect(system.requests).toEqual([])
})

test('the record keeps the last requests only', async () => {
  await using sandbox = await startSandbox({ requestLimit: 2 })
  const { coreBanking: system } = sandbox
  for (const path of ['/a', '/b', '/c']) await call(sandbox, system, system.origin + path)
  expect(system.requests.map(({ path }) => path)).toEqual(['/b', '/c'])
})

test('a body beyond five million bytes is not kept', async () => {
  await using sandbox = await startSandbox()
  const { coreBanking: system } = sandbox
  const body = 'x'.repeat(5_000_001)
  const headers = { 'content-type': 'application/json' }
  expect((await call(sandbox, system, system.tokenEndpoint, { method: 'POST', headers, body })).status).toBe(413)
  expect(system.requests[0]?.body).toBe('')
})

test('stop closes listeners and connections, and may be called twice', async () => {
  const sandbox = await startSandbox()
  const { host, port } = sandbox.coreBanking.connectTo
  const open = connect(port, host)
  await once(open, 'connect')
  const closed = once(open, 'close')
  await sandbox.stop()
  await sandbox.stop()
  await closed
  const [error] = await once(connect(port, host), 'error')
  expect(error.code).toBe('ECONNREFUSED')
})

test('a port may be fixed, and a taken one stops everything that had started', async () => {
  const first = await startSandbox()
  const { port } = first.coreBanking.connectTo
  await first.stop()
  await using second = await startSandbox({ ports: { coreBanking: port } })
  expect(second.coreBanking.origin).toBe(`https://localhost:${port}`)
  const free = first.wso2Apk.connectTo.port
  const third = startSandbox({ ports: { wso2Apk: free, coreBanking: port } })
  await expect(third).rejects.toMatchObject({ code: 'EADDRINUSE' })
  const [error] = await once(connect(free, '127.0.0.1'), 'error')
  expect(error.code).toBe('ECONNREFUSED')
})

test('the time is the same for all systems and moves as told', async () => {
  await using sandbox = await startSandbox()
  const before = sandbox.now()
  sandbox.advance(86_400_000)
  expect(sandbox.now() - before).toBeGreaterThanOrEqual(86_400_000)
  sandbox.advance(-86_400_000)
  expect(sandbox.now() - before).toBeLessThan(86_400_000)
  expect(() => sandbox.advance(Number.NaN)).toThrow(TypeError)
})

test.each([
  [{ port: 1 }, 'port '],
  [{ host: '0.0.0.0' }, 'host'],
  [{ requestLimit: 0 }, 'requestLimit'],
  [{ ports: { bank: 1 } }, 'ports.bank'],
  [{ ports: { coreBanking: 70_000 } }, 'ports.coreBanking'],
  [{ ports: { coreBanking: '8080' } }, 'ports.coreBanking'],
] as unknown as [SandboxOptions, string][])('the options %j are refused by name', async (options, name) => {
  const started = startSandbox(options)
  await expect(started).rejects.toThrow(TypeError)
  await expect(started).rejects.toThrow(name)
})

test('a setting that does not exist cannot be set', async () => {
  await using sandbox = await startSandbox()
  for (const { settings } of sandbox.systems) {
    expect(() => Object.assign(settings, { acessTokenFormat: 'jwt' })).toThrow(/acessTokenFormat/)
  }
})
