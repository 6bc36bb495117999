/** Cases: URLs that do not lead to a listed origin, though one parser or another may think so. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { isGrantKitError } from '@grantkit/core'
import type { RecordingServer } from '../servers/recording-server.js'
import { authorizationServer } from './authorization-server.js'
import {
  bearers,
  causesOf,
  credentials,
  errorIn,
  type HttpClientCase,
  ourError,
  outcomeOf,
  rejectionOf,
  type Scene,
  succeed,
} from './scene.js'

interface Trick {
  readonly url: (api: RecordingServer, elsewhere: RecordingServer) => string
  /** What is listed. Default: the API, on 127.0.0.1. */
  readonly listed?: (api: RecordingServer, elsewhere: RecordingServer) => string
  /**
   * Libraries differ in what such a URL means. It may be a path of the API, or no URL at all: all that counts is what
   * the other server gets. Default `false`: the request fails with an `OriginError`.
   */
  readonly ambiguous?: boolean
  /** Whether the name leads to this machine, without a question to the network. Default `true`. */
  readonly resolves?: boolean
}

const tricks: Readonly<Record<string, Trick>> = {
  'an absolute URL in place of a path': { url: (_, elsewhere) => `http://localhost:${elsewhere.port}/` },
  'another port': { url: (_, elsewhere) => `${elsewhere.origin}/` },
  'capitals in scheme and host': { url: (_, elsewhere) => `HTTP://LOCALHOST:${elsewhere.port}/` },
  'another name of the same machine': {
    listed: (_, elsewhere) => elsewhere.origin,
    url: (_, elsewhere) => `http://localhost:${elsewhere.port}/`,
  },
  'http where https is listed': {
    listed: (_, elsewhere) => `https://127.0.0.1:${elsewhere.port}`,
    url: (_, elsewhere) => `${elsewhere.origin}/`,
  },
  'a host with a dot at the end': {
    listed: (_, elsewhere) => `http://localhost:${elsewhere.port}`,
    url: (_, elsewhere) => `http://localhost.:${elsewhere.port}/`,
    resolves: false,
  },
  'a host with ideographic dots': { url: (_, elsewhere) => `http://127。0。0。1:${elsewhere.port}/` },
  'a host in full-width letters': { url: (_, elsewhere) => `http://ｌｏｃａｌｈｏｓｔ:${elsewhere.port}/` },
  'a host with a letter of another alphabet': {
    listed: (_, elsewhere) => `http://localhost:${elsewhere.port}`,
    url: (_, elsewhere) => `http://lоcalhost:${elsewhere.port}/`,
    resolves: false,
  },
  'the address as one number': { url: (_, elsewhere) => `http://2130706433:${elsewhere.port}/` },
  'the API in the path': { url: (api, elsewhere) => `${elsewhere.origin}/${api.origin}/` },
  'the API in the query': { url: (api, elsewhere) => `${elsewhere.origin}/?${api.origin}/` },
  'the API in the fragment': { url: (api, elsewhere) => `${elsewhere.origin}/#@127.0.0.1:${api.port}/` },
  'the API behind a backslash': { url: (api, elsewhere) => `${elsewhere.origin}\\@127.0.0.1:${api.port}/` },
  'the API as user information': {
    ambiguous: true,
    url: (api, elsewhere) => `http://127.0.0.1:${api.port}@127.0.0.1:${elsewhere.port}/`,
  },
  'a protocol-relative URL': { ambiguous: true, url: (_, elsewhere) => `//127.0.0.1:${elsewhere.port}/` },
  'a URL that begins with backslashes': { ambiguous: true, url: (_, elsewhere) => `\\\\127.0.0.1:${elsewhere.port}/` },
  'a URL without its slashes': { ambiguous: true, url: (_, elsewhere) => `http:127.0.0.1:${elsewhere.port}/` },
  'a URL with a tab in it': { ambiguous: true, url: (_, elsewhere) => `ht\ttp://127.0.0.1:${elsewhere.port}/` },
  'a path that continues the base URL as a host': {
    ambiguous: true,
    url: (_, elsewhere) => `@127.0.0.1:${elsewhere.port}/`,
  },
}

const passable = Object.entries(tricks).filter(([, { resolves = true }]) => resolves)

async function prepare(scene: Scene, { url, listed }: Trick, otherOrigins?: 'pass-through') {
  const [api, elsewhere, server] = [await scene.api(), await scene.foreign(), authorizationServer()]
  const origins = [(listed ?? (() => api.origin))(api, elsewhere)]
  const client = await scene.client([{ source: server.source, origins, otherOrigins }], { baseUrl: api.origin })
  return { api, elsewhere, server, client, url: url(api, elsewhere) }
}

export const otherOrigins: readonly HttpClientCase[] = [
  ...Object.entries(tricks).map(
    ([name, trick]): HttpClientCase => ({
      name: `sends nothing to ${name}`,
      async run(scene) {
        const { elsewhere, server, client, url } = await prepare(scene, trick)
        const outcome = await outcomeOf(client, { url, method: 'POST', body: { json: { a: 1 } } })
        assert.equal(elsewhere.bytes(), '')
        if (trick.ambiguous) return
        assert.equal(ourError(errorIn(outcome)).code, 'ERR_ORIGIN')
        assert.equal(server.requests, 0)
      },
    }),
  ),
  ...passable.map(
    ([name, trick]): HttpClientCase => ({
      name: `passes a request through to ${name} with nothing of ours`,
      async run(scene) {
        const { api, elsewhere, client, url } = await prepare(scene, trick, 'pass-through')
        const outcome = await outcomeOf(client, { url })
        if ('error' in outcome) {
          const ours = causesOf(outcome.error).find(isGrantKitError)
          assert.ok(trick.ambiguous || ours === undefined, `was refused: ${inspect(ours)}`)
        } else assert.equal(elsewhere.requests.length + api.requests.length, 1)
      },
    }),
  ),
  {
    name: 'takes other spellings of a listed origin for the same',
    async run(scene) {
      const [api, server] = [await scene.api(), authorizationServer()]
      const origins = [`http://LOCALHOST:${api.port}/`, 'https://bücher.example']
      const client = await scene.client([{ source: server.source, origins }])
      await succeed(client, { url: `hTTp://LocalHost:${api.port}/` })
      assert.deepEqual(credentials(api), bearers(server, 1))
    },
  },
  {
    name: 'passes a request through with its body, and asks for no token',
    async run(scene) {
      const elsewhere = await scene.foreign()
      const { api, server, client } = await scene.usual(undefined, { otherOrigins: 'pass-through' })
      await succeed(client, { method: 'POST', url: `${elsewhere.origin}/`, body: { json: { a: 1 } } })
      assert.deepEqual(
        elsewhere.requests.map(({ body }) => body.toString()),
        ['{"a":1}'],
      )
      assert.equal(server.requests, 0)
      await succeed(client, { url: '/' })
      assert.deepEqual(credentials(api), bearers(server, 1))
    },
  },
  {
    name: 'refuses other origins as long as one of several sources does',
    async run(scene) {
      const [api, other, elsewhere] = [await scene.api(), await scene.api(), await scene.foreign()]
      const client = await scene.client([
        { source: authorizationServer().source, origins: [api.origin], otherOrigins: 'pass-through' },
        { source: authorizationServer().source, origins: [other.origin] },
      ])
      assert.equal(ourError(await rejectionOf(client, { url: elsewhere.origin })).code, 'ERR_ORIGIN')
      assert.equal(elsewhere.bytes(), '')
    },
  },
  {
    name: "refuses other origins a request with the caller's own Authorization too",
    async run(scene) {
      const elsewhere = await scene.foreign()
      const { client } = await scene.usual()
      const error = await rejectionOf(client, { url: elsewhere.origin, headers: { Authorization: 'Basic b3du' } })
      assert.equal(ourError(error).code, 'ERR_ORIGIN')
      assert.equal(elsewhere.bytes(), '')
    },
  },
]
