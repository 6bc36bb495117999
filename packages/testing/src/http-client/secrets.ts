/** Cases: errors, in whatever way they are printed, show neither a token nor another secret. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { invalidToken, redirect, silent } from '../servers/answers.js'
import { clientSecret, resourceHeaders, tokenPrefix, tokenResponse } from './authorization-server.js'
import type { ClientRequest } from './client-under-test.js'
import { errorIn, type HttpClientCase, outcomeOf, rejectionOf, type Usual } from './scene.js'

const cut: (received: unknown, response: { destroy(): unknown }) => void = (_, response) => void response.destroy()

interface Failure {
  readonly prepare: (usual: Usual) => void
  readonly request?: () => Omit<ClientRequest, 'url'>
}

const failures: Readonly<Record<string, Failure>> = {
  'a cut connection': {
    prepare({ api }) {
      api.handler = cut
    },
  },
  'a cut connection on the second attempt': {
    prepare({ api }) {
      api.handler = (request, response) => (request.number === 1 ? invalidToken : cut)(request, response)
    },
  },
  'an answer cut off': {
    prepare({ api }) {
      api.handler = (_, response) =>
        void response.writeHead(200, { 'content-length': '9' }).write('1', () => response.destroy())
    },
  },
  'a time-out': {
    prepare({ api }) {
      api.handler = silent
    },
    request: () => ({ timeoutMs: 100 }),
  },
  'a redirect to nowhere': {
    prepare({ api }) {
      api.handler = redirect(302, 'http://127.0.0.1:1/')
    },
  },
  'redirects without end': {
    prepare({ api }) {
      api.handler = redirect(302, '/again')
    },
  },
  'a body that fails while it is sent': {
    prepare() {},
    request: () => ({ method: 'POST', body: { stream: failing() } }),
  },
  'a refused token request': {
    prepare({ server }) {
      server.answer = () => tokenResponse(400, { error: 'invalid_client', error_description: clientSecret.slice(0, 3) })
    },
  },
  'a refused renewal': {
    prepare({ api, server }) {
      const { answer } = server
      api.handler = invalidToken
      server.answer = number => (number === 1 ? answer(number) : tokenResponse(400, { error: 'invalid_scope' }))
    },
  },
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a')
  throw new Error('torn')
}

export const secrets: readonly HttpClientCase[] = [
  ...Object.entries(failures).map(
    ([name, { prepare, request }]): HttpClientCase => ({
      name: `shows no secret in the error of ${name}`,
      async run(scene) {
        const usual = await scene.usual()
        prepare(usual)
        const outcome = await outcomeOf(usual.client, { url: '/', ...request?.() })
        // some libraries hand on a redirect they do not follow any more
        if ('response' in outcome && outcome.response.status === 302) return
        assertShowsNothing(errorIn(outcome))
      },
    }),
  ),
  {
    name: 'shows no secret in the error of an abort',
    async run(scene) {
      const { api, client } = await scene.usual(silent)
      const controller = new AbortController()
      const aborted = outcomeOf(client, { url: '/', signal: controller.signal })
      await api.arrived(1)
      controller.abort()
      assertShowsNothing(errorIn(await aborted))
    },
  },
  {
    name: 'shows no secret in the error of a URL that is refused',
    async run(scene) {
      const elsewhere = await scene.foreign()
      const { client } = await scene.usual()
      await client.send({ url: '/' })
      assertShowsNothing(await rejectionOf(client, { url: `${elsewhere.origin}/` }))
    },
  },
]

/** @param more what may not be shown either */
export function assertShowsNothing(error: unknown, ...more: readonly string[]): void {
  const everything = { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null }
  const shown = [inspect(error, everything), jsonOf(error), String(error), (error as Error).stack].join('\n')
  for (const secret of [tokenPrefix, clientSecret, ...Object.values(resourceHeaders), ...more])
    assert.ok(!shown.includes(secret), `the error shows ${secret}: ${excerpt(shown, secret)}`)
}

function excerpt(text: string, found: string): string {
  const at = text.indexOf(found)
  return text.slice(Math.max(0, at - 300), at + 60)
}

/** As a logger writes an object that leads back to itself. */
function jsonOf(value: unknown): string {
  const above: unknown[] = []
  return (
    JSON.stringify(value, function (this: unknown, _, member: unknown) {
      above.splice(above.indexOf(this) + 1)
      if (typeof member === 'bigint' || above.includes(member)) return undefined
      if (typeof member === 'object' && member !== null) above.push(member)
      return member
    }) ?? ''
  )
}
