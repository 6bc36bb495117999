import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { authorizationServer } from '@grantkit/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tokenHooks } from '../src/index.js'
import { clients, credentials, rejection, setUp } from './clients.js'
import { type RecordingServer, recordingServer } from './recording-server.js'

/** URLs that look, to one parser or another, as if they led to the API. */
const tricks: Record<string, (api: RecordingServer, elsewhere: RecordingServer) => string> = {
  'an absolute URL over prefixUrl': (_, elsewhere) => `${elsewhere.origin}/`,
  'capitals in the scheme': (_, elsewhere) => `HTTP://127.0.0.1:${elsewhere.port}/`,
  'another name of the same machine': ({ port }) => `http://localhost:${port}/`,
  'the API as user information': ({ port }, elsewhere) => `http://127.0.0.1:${port}@127.0.0.1:${elsewhere.port}/`,
  'the API as a user name': (_, elsewhere) => `http://127.0.0.1@localhost:${elsewhere.port}/`,
  'the API in the path': ({ port }, elsewhere) => `http://localhost:${elsewhere.port}/http://127.0.0.1:${port}/`,
  'the API in the fragment': ({ port }, elsewhere) => `http://localhost:${elsewhere.port}#@127.0.0.1:${port}/`,
  'another scheme': ({ port }) => `https://127.0.0.1:${port}/`,
  'a dot after the host': ({ port }) => `http://localhost.:${port}/`,
  'an IDN look-alike': ({ port }) => `http://ⅼocalhost.example:${port}/`,
}

/** A server on a socket, and the credentials it received. */
async function socketServer() {
  const folder = await mkdtemp(`${tmpdir()}/got-`)
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
    for (const [name, urlOf] of Object.entries(tricks)) {
      test(`nothing is sent to ${name}`, async () => {
        const elsewhere = await recordingServer()
        const { api, server, instance } = await setUp(client)
        const error = await rejection(instance.get(urlOf(api, elsewhere), { prefixUrl: '' }))
        expect(error).toMatchObject({ code: 'ERR_ORIGIN', cause: { name: 'OriginError' } })
        expect([api.bytes(), elsewhere.bytes(), server.requests]).toEqual(['', '', 0])
      })

      // what got makes of it differs: joined to prefixUrl, taken as it is, refused
      test(`nothing is sent elsewhere by ${name} beside prefixUrl`, async () => {
        const elsewhere = await recordingServer()
        const { api, instance } = await setUp(client)
        await instance.get(urlOf(api, elsewhere)).catch(() => {})
        expect(elsewhere.bytes()).toBe('')
        for (const { headers } of api.requests) expect(headers.host).toBe(`127.0.0.1:${api.port}`)
      })
    }

    for (const [name, callOf] of Object.entries({
      'an agent': (path: string, origin: string) => [
        origin,
        { agent: { http: new Agent({ socketPath: path } as object) } },
      ],
      'a URL with the host unix': (path: string) => [`http://unix:${path}:/`, { enableUnixSockets: true }],
      'a unix URL': (path: string) => [`unix:${path}:/`, { enableUnixSockets: true }],
    } satisfies Record<string, (path: string, origin: string) => [string, object]>))
      test(`nothing is sent to a socket of this machine that ${name} names, nor is a token asked for`, async () => {
        const socket = await socketServer()
        const { api, server, instance } = await setUp(client)
        const [url, config] = callOf(socket.path, api.origin)
        for (const more of [{}, { cache: new Map() }]) {
          const error = await rejection(instance.get(url, { prefixUrl: '', ...config, ...more }))
          expect(error.code).toBe('ERR_ORIGIN')
        }
        expect([socket.requests, api.bytes(), server.requests]).toEqual([[], '', 0])
      })

    for (const start of ['//', 'data:', 'http:\\\\', '\\\\', '/\t/', ' //'])
      test(`nothing is sent elsewhere by ${JSON.stringify(start)} behind prefixUrl`, async () => {
        const elsewhere = await recordingServer()
        const { instance } = await setUp(client)
        await instance.get(`${start}127.0.0.1:${elsewhere.port}/`).catch(() => {})
        expect(elsewhere.bytes()).toBe('')
      })

    test('other spellings of a listed origin are listed', async () => {
      const { api } = await setUp(client)
      const origins = [`http://LOCALHOST:${api.port}/`, 'https://bücher.example']
      const instance = client.got.extend(tokenHooks(authorizationServer().source, { origins }))
      await instance.get(`hTTp://LocalHost:${api.port}/`)
      expect(credentials(api)).toEqual(['Bearer secret-token-1'])
    })

    for (const position of ['before', 'after'])
      test(`a URL that a hook ${position} ours changes is checked as it ends up`, async () => {
        const elsewhere = await recordingServer()
        const move = client.got.extend({
          hooks: {
            beforeRequest: [
              options => {
                options.url = new URL(elsewhere.origin)
              },
            ],
          },
        })
        const api = await recordingServer()
        const ours = tokenHooks(authorizationServer().source, { origins: [api.origin] })
        const instance = position === 'before' ? move.extend(ours) : client.got.extend(ours).extend(move)
        expect(await rejection(instance.get(api.origin))).toMatchObject({ code: 'ERR_ORIGIN' })
        expect([api.bytes(), elsewhere.bytes()]).toEqual(['', ''])
      })

    test('a request of the caller’s own credential is checked too', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, undefined, { config: { prefixUrl: '' } })
      const error = await rejection(instance.get(elsewhere.origin, { headers: { Authorization: 'Basic own' } }))
      expect([error.code, elsewhere.bytes()]).toEqual(['ERR_ORIGIN', ''])
    })

    test('a stream is checked too', async () => {
      const elsewhere = await recordingServer()
      const { instance } = await setUp(client, undefined, { config: { prefixUrl: '' } })
      const error = await rejection(instance.stream(elsewhere.origin).toArray())
      expect([error.code, elsewhere.bytes()]).toEqual(['ERR_ORIGIN', ''])
    })

    describe('pass-through', () => {
      const passThrough = () => setUp(client, undefined, { otherOrigins: 'pass-through', config: { prefixUrl: '' } })

      test('other origins get the request without anything of ours', async () => {
        const elsewhere = await recordingServer()
        const { server, instance } = await passThrough()
        expect(await instance.post(elsewhere.origin, { json: { a: 1 } }).json()).toEqual({ ok: true })
        expect(elsewhere.requests.map(({ body }) => body.toString())).toEqual(['{"a":1}'])
        expect([elsewhere.bytes().includes('secret-token'), server.requests]).toEqual([false, 0])
      })

      test('listed origins get the token', async () => {
        const { api, instance } = await passThrough()
        await instance.get(api.origin)
        expect(credentials(api)).toEqual(['Bearer secret-token-1'])
      })

      test('is refused when another source of the instance refuses', async () => {
        const elsewhere = await recordingServer()
        const { instance } = await passThrough()
        const { source } = authorizationServer({ origins: ['https://b.example'] })
        const error = await rejection(instance.extend(tokenHooks(source)).get(elsewhere.origin))
        expect([error.code, elsewhere.bytes()]).toEqual(['ERR_ORIGIN', ''])
      })
    })
  })
}
