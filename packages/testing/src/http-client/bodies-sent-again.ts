/** Cases: a request whose token was rejected is sent once more, the same, whatever its body is. */
import assert from 'node:assert/strict'
import { acceptingSecond, okBody } from '../servers/answers.js'
import type { Received } from '../servers/recording-server.js'
import type { ClientBody } from './client-under-test.js'
import { bearers, bodyOf, credentials, type HttpClientCase, succeed } from './scene.js'

interface Body {
  readonly body: () => ClientBody | undefined
  /** What arrives, and as what. */
  readonly arrives: RegExp
  readonly type: string | undefined
}

const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)

/** Bodies that can be sent twice. */
const bodies: Readonly<Record<string, Body>> = {
  'no body': { body: () => undefined, arrives: /^$/, type: undefined },
  'a JSON body': { body: () => ({ json: { amount: 1 } }), arrives: /^\{"amount":1\}$/, type: 'application/json' },
  'a text body': { body: () => 'text', arrives: /^text$/, type: 'text/plain' },
  'a form body': {
    body: () => new URLSearchParams({ a: '1 2' }),
    arrives: /^a=1\+2$/,
    type: 'application/x-www-form-urlencoded',
  },
  'a body of bytes': {
    body: () => bytes,
    arrives: new RegExp(`^${[...bytes].map(byte => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}$`),
    type: 'application/octet-stream',
  },
  'a FormData body': {
    body: formData,
    arrives:
      /^--BOUNDARY\r\n[\s\S]*name="field"\r\n\r\nvalue\r\n--BOUNDARY\r\n[\s\S]*filename="file"[\s\S]*\r\nbytes\r\n--BOUNDARY--/,
    type: 'multipart/form-data',
  },
}

function formData(): FormData {
  const form = new FormData()
  form.append('field', 'value')
  form.append('file', new Blob(['bytes']), 'file')
  return form
}

function typeOf({ headers }: Received): string | undefined {
  return headers['content-type']?.split(';')[0]
}

export const bodiesSentAgain: readonly HttpClientCase[] = Object.entries(bodies).map(
  ([name, { body, arrives, type }]): HttpClientCase => ({
    name: `sends a request with ${name} once more, the same, when its token is rejected`,
    async run(scene) {
      const { api, server, client } = await scene.usual()
      api.handler = acceptingSecond(server)
      const method = name === 'no body' ? 'GET' : 'PUT'
      const headers: Record<string, string> =
        type?.endsWith('octet-stream') || type === 'text/plain' ? { 'content-type': type } : {}
      const response = await succeed(client, {
        method,
        url: '/a?b=c',
        headers: { 'x-own': 'kept', ...headers },
        body: body(),
      })
      assert.equal(response.body, okBody)
      assert.deepEqual(credentials(api), bearers(server, 1, 2))
      for (const request of api.requests) {
        assert.match(bodyOf(request), arrives)
        assert.deepEqual([request.method, request.url, request.headers['x-own']], [method, '/a?b=c', 'kept'])
        assert.equal(typeOf(request), type)
      }
      const [first, second] = api.requests as readonly [Received, Received]
      assert.equal(bodyOf(second), bodyOf(first))
      assert.equal(second.headers['x-contract-key'], first.headers['x-contract-key'])
      assert.equal(server.requests, 2)
    },
  }),
)
