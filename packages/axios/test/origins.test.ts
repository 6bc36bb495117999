import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { authorizationServer } from '@grantkit/testing'
import type { AxiosStatic } from 'axios'
import axios18 from 'axios-1.8'
import { describe, expect, onTestFinished, test } from 'vitest'
import { attachTokenSource } from '../src/index.js'
import { clients, credentials, rejection, type Setup, setUp } from './clients.js'
import { type RecordingServer, recordingServer } from './recording-server.js'

/** URLs that look, to one parser or another, as if they led to the API. */
const tricks: Record<string, (api: RecordingServer, elsewhere: RecordingServer) => string> = {
  'an absolute URL over baseURL': (_, elsewhere) => `${elsewhere.origin}/`,
  'a protocol-relative URL': (_, elsewhere) => `//127.0.0.1:${elsewhere.port}/`,
  'capitals in the scheme': (_, elsewhere) => `HTTP://127.0.0.1:${elsewhere.port}/`,
  'another port': (_, elsewhere) => `http://127.0.0.1:${elsewhere.port}/`,
  'another name of the same machine': ({ port }) => `http://localhost:${port}/`,
  'the API as user information': ({ port }, elsewhere) => `http://127.0.0.1:${port}@127.0.0.1:${elsewhere.port}/`,
  'the API as a user name': (_, elsewhere) => `http://127.0.0.1@localhost:${elsewhere.port}/`,
  'the API in the path': ({ port }, elsewhere) => `http://localhost:${elsewhere.port}/http://127.0.0.1:${port}/`,
  'the API in the fragment': ({ port }, elsewhere) => `http://localhost:${elsewhere.port}#@127.0.0.1:${port}/`,
  'another scheme': ({ port }) => `https://127.0.0.1:${port}/`,
  'a dot after the host': ({ port }) => `http://localhost.:${port}/`,
  'an IDN look-alike': ({ port }) => `http://ⅼocalhost.example:${port}/`,
  'no URL at all': () => 'http://',
}

/** A server on a socket, and the credentials it received. */
async function socketServer() {
  const folder = await mkdtemp(`${tmpdir()}/axios-`)
  const requests: (string | undefined)[] = []
  const listener = createServer(({ headers }, response) => {
    requests.push(headers.authorization)
    response.end('{}')
  })
  const path = `${folder}/socket`
  await new Promise<void>(resolve => listener.listen(path, resolve))
  onTestFinished(async () => {
    listener.closeAllConnections()
    await new Promise(resolve => listener.close(resolve))
    await rm(folder, { recursive: true })
  })
  return { path, requests }
}

for (const client of clients) {
  describe(`origins, ${client.name}`, () => {
    for (const [name, urlOf] of Object.entries(tricks))
      test(`nothing is sent to ${name}`, async () => {
        const elsewhere = await recordingServer()
        const { api, server, instance } = await setUp(client)
        const error = await rejection(instance.get(urlOf(api, elsewhere)))
        expect(['ERR_ORIGIN', 'ERR_INVALID_URL']).toContain(error.code)
        expect([api.bytes(), elsewhere.bytes(), server.requests]).toEqual(['', '', 0])
      })

    for (const start of ['data:', 'http:\\\\', '\\\\', '/\t/', ' //'])
      test(`nothing is sent elsewhere by ${JSON.stringify(start)}, which axios takes for a path`, async () => {
        const elsewhere = await recordingServer()
        const { instance } = await setUp(client)
        await instance.get(`${start}127.0.0.1:${elsewhere.port}/`).catch(() => {})
        expect(elsewhere.bytes()).toBe('')
      })

    test('other spellings of a listed origin are listed', async () => {
      const { api, instance, detach } = await setUp(client)
      detach()
      const origins = [`http://LOCALHOST:${api.port}/`, 'https://bücher.example']
      attachTokenSource(instance, authorizationServer().source, { origins })
      await instance.get(`hTTp://LocalHost:${api.port}/`)
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
    })

    for (const [name, configOf] of Object.entries({
      'the request': (socketPath: string) => [{ socketPath }, {}],
      'the instance': (socketPath: string) => [{}, { socketPath }],
      'an agent': (socketPath: string) => [{ httpAgent: new Agent({ socketPath } as object) }, {}],
    } satisfies Record<string, (socketPath: string) => [object, object]>))
      test(`nothing is sent to a socket of this machine that ${name} names, nor is a token asked for`, async () => {
        const socket = await socketServer()
        const { api, server, instance } = await setUp(client)
        const [config, defaults] = configOf(socket.path)
        Object.assign(instance.defaults, defaults)
        const error = await rejection(instance.get('/', config))
        expect([error.code, socket.requests, api.bytes(), server.requests]).toEqual(['ERR_ORIGIN', [], '', 0])
      })

    if (!client.name.includes('fetch'))
      test('what may pass without a token reaches a socket without one', async () => {
        const socket = await socketServer()
        const { api, server, instance, detach } = await setUp(client)
        detach()
        attachTokenSource(instance, server.source, { origins: [api.origin], otherOrigins: 'pass-through' })
        expect((await instance.get('/', { socketPath: socket.path })).status).toBe(200)
        expect([socket.requests, server.requests]).toEqual([[undefined], 0])
      })

    test('a baseURL of the request counts, not that of the instance', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client)
      const error = await rejection(instance.get('/', { baseURL: elsewhere.origin }))
      expect([error.code, api.bytes(), elsewhere.bytes()]).toEqual(['ERR_ORIGIN', '', ''])
    })

    test('a URL that another interceptor changes is checked as it ends up', async () => {
      const elsewhere = await recordingServer()
      const { api, instance, detach } = await setUp(client)
      detach()
      const move = () =>
        instance.interceptors.request.use(config =>
          Object.assign(config, { baseURL: undefined, url: elsewhere.origin }),
        )
      move()
      attachTokenSource(instance, authorizationServer().source)
      move()
      expect(await rejection(instance.get('/'))).toMatchObject({ code: 'ERR_ORIGIN' })
      expect([api.bytes(), elsewhere.bytes()]).toEqual(['', ''])
    })

    test('an absolute URL joined to baseURL goes where it is joined to', async () => {
      const elsewhere = await recordingServer()
      const { api, instance } = await setUp(client, undefined, { config: { allowAbsoluteUrls: false } })
      await instance.get(`${elsewhere.origin}/`).catch(() => {})
      // versions before 1.8 do not know the option: they must refuse
      expect([elsewhere.bytes(), api.requests.length]).toEqual(['', client.axios.VERSION === '1.7.0' ? 0 : 1])
    })

    test('a request of the caller’s own credential is checked too', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client)
      const error = await rejection(instance.get(elsewhere.origin, { headers: { Authorization: 'Basic own' } }))
      expect([error.code, elsewhere.bytes()]).toEqual(['ERR_ORIGIN', ''])
    })

    describe('pass-through', () => {
      const passThrough = (): Promise<Setup> => setUp(client, undefined, { otherOrigins: 'pass-through' })

      test('other origins get the request without anything of ours', async () => {
        const elsewhere = await recordingServer()
        const { server, instance } = await passThrough()
        const { data, config, request } = await instance.post(elsewhere.origin, { a: 1 })
        expect(data).toEqual({ ok: true })
        expect(elsewhere.requests.map(({ body }) => body.toString())).toEqual(['{"a":1}'])
        expect([elsewhere.bytes().includes('secret-token'), server.requests]).toEqual([false, 0])
        expect([config.adapter, request === undefined]).toEqual([client.adapter, false])
      })

      test('listed origins get the token', async () => {
        const { api, instance } = await passThrough()
        await instance.get('/')
        expect(credentials(api)).toEqual(['Bearer secret-token-1'])
      })

      test('is refused when another source of the instance refuses', async () => {
        const elsewhere = await recordingServer()
        const { instance } = await passThrough()
        attachTokenSource(instance, authorizationServer().source, { origins: ['https://b.example'] })
        const error = await rejection(instance.get(elsewhere.origin))
        expect([error.code, elsewhere.bytes()]).toEqual(['ERR_ORIGIN', ''])
      })
    })
  })
}

/** Its `getUri` heeds `allowAbsoluteUrls`, and its adapters do not: joined by the one, sent by the other. */
for (const adapter of ['http', 'fetch'] as const)
  test(`what was checked is what is requested, axios 1.8.0, ${adapter}`, async () => {
    const elsewhere = await recordingServer()
    const client = { name: 'axios 1.8.0', axios: axios18 as unknown as AxiosStatic, adapter }
    const { api, instance } = await setUp(client, undefined, { config: { allowAbsoluteUrls: false } })
    await instance.get(`${elsewhere.origin}/`)
    expect([api.requests.length, elsewhere.bytes()]).toEqual([1, ''])
  })
