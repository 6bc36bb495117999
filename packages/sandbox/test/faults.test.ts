import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type CoreBanking, type Fault, type FaultOptions, type Sandbox, startSandbox } from '../src/index.js'
import { agentFor, type CallOptions, call, callApi, requestToken } from './client.js'

let sandbox: Sandbox
let system: CoreBanking
beforeEach(async () => {
  sandbox = await startSandbox()
  system = sandbox.coreBanking
})
afterEach(() => sandbox.stop())

const authenticate = (options: CallOptions = {}) =>
  call(sandbox, system, system.tokenEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clientId: system.clientId, clientSecret: system.clientSecret }),
    ...options,
  })

describe('a fault', () => {
  test('befalls one request and no other', async () => {
    system.fail({ kind: 'status', status: 503 })
    expect([(await authenticate()).status, (await authenticate()).status]).toEqual([503, 200])
  })

  test('befalls as many as asked, in the order they were asked for', async () => {
    system.fail({ kind: 'status', status: 503 }, { times: 2 })
    system.fail({ kind: 'status', status: 500 })
    const statuses: number[] = []
    for (let count = 0; count < 4; count++) statuses.push((await authenticate()).status)
    expect(statuses).toEqual([503, 503, 500, 200])
  })

  test('lasts until it is cancelled', async () => {
    const cancel = system.fail({ kind: 'status', status: 503 }, { times: Number.POSITIVE_INFINITY })
    expect([(await authenticate()).status, (await authenticate()).status]).toEqual([503, 503])
    cancel()
    cancel()
    expect((await authenticate()).status).toBe(200)
  })

  test('befalls the API only when asked to, and only what matches', async () => {
    const { accessToken } = (await authenticate()).json
    system.fail(
      { kind: 'status', status: 503 },
      { on: 'api', match: request => request.headers['x-mark'] === 'this one' },
    )
    expect((await authenticate()).status).toBe(200)
    expect((await callApi(sandbox, system, accessToken)).status).toBe(200)
    expect((await callApi(sandbox, system, accessToken, { headers: { 'x-mark': 'this one' } })).status).toBe(503)
  })

  test('for the token endpoint spares the API, and the other way round', async () => {
    const { accessToken } = (await authenticate()).json
    system.fail({ kind: 'status', status: 503 })
    expect((await callApi(sandbox, system, accessToken)).status).toBe(200)
    expect((await authenticate()).status).toBe(503)
    system.fail({ kind: 'status', status: 503 }, { on: 'api' })
    expect((await authenticate()).status).toBe(200)
    expect((await callApi(sandbox, system, accessToken)).status).toBe(503)
  })

  test('is named in the record', async () => {
    system.fail({ kind: 'status', status: 503 })
    await authenticate()
    await authenticate()
    expect(system.requests.map(({ fault, status }) => [fault, status])).toEqual([
      ['status', 503],
      [undefined, 200],
    ])
  })

  test.each([
    [{ kind: 'explode' }, {}, 'fault.kind'],
    [{ kind: 'toString' }, {}, 'fault.kind'],
    [{ kind: 'delay' }, {}, 'fault.ms'],
    [{ kind: 'hold' }, {}, 'fault.until'],
    [{ kind: 'status', status: 42 }, {}, 'fault.status'],
    [{ kind: 'garbage', body: 'words' }, {}, 'fault.body'],
    [{ kind: 'huge', bytes: Number.NaN }, {}, 'fault.bytes'],
    [{ kind: 'redirect' }, {}, 'fault.location'],
    [{ kind: 'hang' }, { times: 0 }, 'options.times'],
    [{ kind: 'hang' }, { on: 'login' }, 'options.on'],
    [{ kind: 'hang' }, { match: 'all' }, 'options.match'],
  ] as unknown as [Fault, FaultOptions, string][])(
    'of %j with %j is refused, naming what is wrong',
    (fault, options, name) => {
      expect(() => system.fail(fault, options)).toThrow(TypeError)
      expect(() => system.fail(fault, options)).toThrow(name)
    },
  )
})

describe('the kinds', () => {
  test('status comes with headers and a body', async () => {
    system.fail({ kind: 'status', status: 429, headers: { 'retry-after': '7' }, body: 'slow down' })
    const answer = await authenticate()
    expect([answer.status, answer.headers['retry-after'], answer.text]).toEqual([429, '7', 'slow down'])
  })

  test('hold lets the request take effect and its answer wait', async () => {
    let release = () => {}
    system.fail({ kind: 'hold', until: new Promise<void>(resolve => (release = resolve)) })
    const arrived = until(() => system.issuedTokens.length === 1)
    const answer = authenticate()
    await arrived
    expect(system.requests[0]?.status).toBeUndefined()
    release()
    expect((await answer).json.accessToken).toBe(system.issuedTokens[0]?.token)
  })

  test('delay sends the answer later', async () => {
    system.fail({ kind: 'delay', ms: 1 })
    expect((await authenticate()).status).toBe(200)
  })

  test('delay and hang end when the sandbox stops', async () => {
    system.fail({ kind: 'delay', ms: 3_600_000 })
    system.fail({ kind: 'hang' })
    const answers = Promise.allSettled([authenticate(), authenticate()])
    await until(() => system.requests.length === 2)
    await sandbox.stop()
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('reset cuts the connection before the request takes effect', async () => {
    system.fail({ kind: 'reset' })
    await expect(authenticate()).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) })
    expect(system.issuedTokens).toHaveLength(0)
    expect(system.requests[0]).toMatchObject({ fault: 'reset', status: undefined })
  })

  test('reset, processed, cuts it after', async () => {
    system.fail({ kind: 'reset', processed: true })
    await expect(authenticate()).rejects.toThrow()
    expect(system.issuedTokens).toHaveLength(1)
  })

  test('reset-before cuts a connection before TLS', async () => {
    system.fail({ kind: 'reset-before' })
    const socket = connect(system.connectTo.port, system.connectTo.host)
    const [error] = await once(socket, 'error')
    expect(error.code).toBe('ECONNRESET')
    expect(system.requests).toHaveLength(0)
    expect((await authenticate()).status).toBe(200)
  })

  test('garbage is HTML, JSON cut in half, nothing, or a good answer under a wrong type', async () => {
    system.fail({ kind: 'garbage' })
    system.fail({ kind: 'garbage', body: 'truncated' })
    system.fail({ kind: 'garbage', body: 'empty' })
    system.fail({ kind: 'garbage', body: 'wrong-content-type' })
    const html = await authenticate()
    expect([html.status, html.headers['content-type']]).toEqual([200, 'text/html'])
    const truncated = await authenticate()
    expect(truncated.text).toMatch(/^\{"accessToken"/)
    expect(() => truncated.json).toThrow(SyntaxError)
    expect((await authenticate()).text).toBe('')
    const mislabelled = await authenticate()
    expect(mislabelled.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(mislabelled.json.tokenType).toBe('Bearer')
  })

  test('huge is exactly as large as asked, plain or after decompression', async () => {
    system.fail({ kind: 'huge', bytes: 3_000_000 })
    expect((await authenticate()).text).toHaveLength(3_000_000)
    system.fail({ kind: 'huge', bytes: 3_000_000, gzip: true })
    const packed = await authenticate()
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(packed.text.length).toBeLessThan(30_000)
  })

  test('huge does not outlive a client that hangs up', async () => {
    system.fail({ kind: 'huge', bytes: 1e12 })
    const agent = agentFor(sandbox, system)
    const answer = authenticate({ agent })
    await until(() => system.requests[0]?.status === 200)
    await agent.destroy()
    await expect(answer).rejects.toThrow()
    expect((await authenticate()).status).toBe(200)
  })

  test('drip sends the good answer byte by byte, deep one of 100,000 levels', async () => {
    system.fail({ kind: 'drip', ms: 0 })
    expect((await authenticate()).json.tokenType).toBe('Bearer')
    system.fail({ kind: 'garbage', body: 'deep' })
    expect((await authenticate()).text).toBe(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
  })

  test('redirect names another place', async () => {
    system.fail({ kind: 'redirect', location: 'https://example.com/' })
    const answer = await authenticate()
    expect([answer.status, answer.headers.location]).toEqual([307, 'https://example.com/'])
  })

  test('work at the mutual TLS systems just the same', async () => {
    const { wso2ApiManager } = sandbox
    wso2ApiManager.fail({ kind: 'reset' })
    await expect(requestToken(sandbox, wso2ApiManager)).rejects.toThrow()
    expect((await requestToken(sandbox, wso2ApiManager)).status).toBe(200)
  })
})

/** Lets the event loop turn until something is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setImmediate(resolve))
}
