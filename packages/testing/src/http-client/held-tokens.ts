/**
 * Cases: a token that is held goes onto a request by a shorter way than one that is asked for. Every request here is sent by
 * both ways, each in a world of its own, and what servers saw and the caller got has to be alike.
 */
import assert from 'node:assert/strict'
import {
  type ClientCertificate,
  clientCertificate,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  dpopKey,
  type TokenSource,
} from '@grantkit/core'
import { acceptingSecond, byPath, invalidToken, json, ok, redirect } from '../servers/answers.js'
import { certificates } from '../servers/certificates.js'
import { proofOf, proving } from '../servers/proofs.js'
import type { Received, RecordingServer } from '../servers/recording-server.js'
import { type AuthorizationServer, authorizationServer, lifetimeMs, tokenPrefix } from './authorization-server.js'
import type { ClientRequest, HttpClientAttachment } from './client-under-test.js'
import { causesOf, type HttpClientCase, type Outcome, outcomeOf, type Scene } from './scene.js'

interface World {
  readonly api: RecordingServer
  readonly server: AuthorizationServer
  /** What its tokens are bound to. */
  readonly certificate: ClientCertificate
  /** A server of another origin. */
  foreign(): Promise<RecordingServer>
  /** Sends it, and notes what came of it. */
  send(request: ClientRequest): Promise<void>
}

/** What happens to a source that holds its token, and what is sent then. */
interface Play {
  /** Whether its tokens are bound to a key. Default: they are Bearer tokens. */
  readonly isBound?: boolean
  readonly otherOrigins?: HttpClientAttachment['otherOrigins']
  /** Default: the server's own. */
  readonly source?: (server: AuthorizationServer) => Promise<HttpClientAttachment['source']>
  readonly run: (world: World) => Promise<void>
}

type Way = (source: TokenSource) => TokenSource

const byWayOfItsOwn: Way = source => source
/** Whoever wraps a source is asked for every request, as whoever wraps one can expect. */
const byAsking: Way = source => ({ ...source, getTokenSet: options => source.getTokenSet(options) })

const plays: Readonly<Record<string, Play>> = {
  'a request': {
    async run({ send }) {
      const headers = { 'X-Own': 'own', 'X-Contract-Key': 'own key' }
      await send({ url: '/accounts?page=1', method: 'POST', body: { json: { a: 1 } }, headers })
      await send({ url: '/accounts', signal: new AbortController().signal })
    },
  },
  "a caller's own Authorization": {
    run: ({ send }) => send({ url: '/', headers: { Authorization: 'Bearer own' } }),
  },
  'another origin, refused': {
    async run({ send, foreign }) {
      const { origin } = await foreign()
      await send({ url: `${origin}/`, method: 'POST', body: 'text' })
    },
  },
  'another origin, passed through': {
    otherOrigins: 'pass-through',
    async run({ send, foreign }) {
      const { origin } = await foreign()
      await send({ url: `${origin}/`, method: 'POST', body: 'text' })
    },
  },
  'a redirect within the origin': {
    async run({ send, api }) {
      api.handler = byPath({ '/found': redirect(302, '/'), '/kept': redirect(307, '/'), '/': ok })
      await send({ url: '/found' })
      await send({ url: '/kept', method: 'POST', body: 'text' })
    },
  },
  'a redirect to another origin and back': {
    async run({ send, api, foreign }) {
      const elsewhere = await foreign()
      elsewhere.handler = redirect(307, `${api.origin}/back`)
      api.handler = byPath({ '/out': redirect(307, `${elsewhere.origin}/`), '/back': ok })
      await send({ url: '/out', method: 'POST', body: 'text' })
    },
  },
  'a rejected token': {
    async run({ send, api, server }) {
      api.handler = acceptingSecond(server)
      await send({ url: '/', method: 'POST', body: { json: { a: 1 } } })
      await send({ url: '/' })
    },
  },
  'a rejected token after a redirect': {
    async run({ send, api, server }) {
      const atHome = acceptingSecond(server)
      api.handler = (request, response) => (request.url === '/found' ? redirect(302, '/') : atHome)(request, response)
      await send({ url: '/found' })
    },
  },
  'a rejected token, and a body that cannot be sent again': {
    async run({ send, api, server }) {
      api.handler = acceptingSecond(server)
      await send({ url: '/', method: 'POST', body: { stream: chunks('text') } })
      await send({ url: '/' })
    },
  },
  'a 401 without a reason': {
    async run({ send, api, server }) {
      api.handler = acceptingSecond(server, ok, json(401, {}))
      await send({ url: '/' })
    },
  },
  'a new token that is rejected too': {
    async run({ send, api }) {
      api.handler = invalidToken
      await send({ url: '/', method: 'POST', body: 'text' })
      await send({ url: '/' })
    },
  },
  'a request aborted beforehand': {
    run: ({ send }) => send({ url: '/', signal: AbortSignal.abort() }),
  },
  'a token that is due': {
    async run({ send, server }) {
      server.clock.advance(lifetimeMs - 30_000)
      await send({ url: '/' })
    },
  },
  'a token that is over': {
    async run({ send, server }) {
      server.clock.advance(lifetimeMs)
      await send({ url: '/' })
    },
  },
  'a token that was dropped': {
    async run({ send, server }) {
      await server.source.drop(server.token(1))
      await send({ url: '/' })
    },
  },
  'a token that was replaced by one that ends sooner': {
    source: async server => (await usersOf(server, 'ann'))('ann'),
    async run({ send, server }) {
      const tokens = { accessToken: `${tokenPrefix}-short`, refreshToken: `${tokenPrefix}-refresh-short` }
      const users = createUserTokenSources({ client: server.source.client })
      await users.for('ann').import({ ...tokens, expiresAt: server.clock.now() + 1_000 })
      server.clock.advance(2_000)
      await send({ url: '/' })
      await users.close()
    },
  },
  'a certificate that was replaced': {
    async run({ send, certificate }) {
      certificate.replace(pairOf('otherClient'))
      await send({ url: '/' })
    },
  },
  'a DPoP token': {
    isBound: true,
    async run({ send }) {
      await send({ url: '/accounts?page=1', method: 'POST', body: { json: { a: 1 } } })
      await send({ url: '/', headers: { DPoP: 'own' } })
    },
  },
  'a DPoP token, and an API that wants its nonce': {
    isBound: true,
    async run({ send, api, server }) {
      const jkt = server.source.client.dpop?.thumbprint
      api.handler = proving({ jkt, now: () => server.clock.now(), nonce: () => 'n-1' })
      await send({ url: '/', method: 'POST', body: { json: { a: 1 } } })
      await send({ url: '/', method: 'POST', body: { stream: chunks('text') } })
    },
  },
  'a DPoP token, and redirects': {
    isBound: true,
    async run({ send, api, foreign }) {
      const elsewhere = await foreign()
      api.handler = byPath({ '/': redirect(303, '/found'), '/found': redirect(302, elsewhere.origin) })
      await send({ url: '/', method: 'POST', body: 'text' })
    },
  },
  'a DPoP token that is rejected': {
    isBound: true,
    async run({ send, api, server }) {
      api.handler = (request, response) =>
        (request.headers.authorization?.endsWith(server.token(2)) ? ok : invalidToken)(request, response)
      await send({ url: '/', method: 'POST', body: { json: { a: 1 } } })
    },
  },
  'a source that was closed': {
    async run({ send, server }) {
      // what is held stays as long as another source of its kind is open
      const another = createTokenSource({ client: server.source.client, grant: clientCredentials() })
      await another.getTokenSet()
      await server.source.close()
      await send({ url: '/' })
      await another.close()
    },
  },
  'a refresh token whose end has to be told': {
    source: async server => (await usersOf(server, 'ann'))('ann'),
    async run({ send, server }) {
      server.clock.advance(89 * dayMs)
      await send({ url: '/' })
    },
  },
  'users that a function chooses': {
    async source(server) {
      const userOf = await usersOf(server, 'ann', 'bob')
      return request => userOf(request.header('x-user') ?? 'ann')
    },
    async run({ send }) {
      for (const user of ['ann', 'bob', 'ann']) await send({ url: '/', headers: { 'X-User': user } })
    },
  },
}

const dayMs = 86_400_000

export const heldTokens: readonly HttpClientCase[] = Object.entries(plays).map(([name, play]) => ({
  name: `does with a held token as with one that is asked for: ${name}`,
  async run(scene) {
    const held = await played(scene, play, byWayOfItsOwn)
    assert.deepEqual(held, await played(scene, play, byAsking))
  },
}))

/** What came of it: to the caller, at the servers, and in events. */
async function played(scene: Scene, { otherOrigins, source = ownSource, isBound, run }: Play, way: Way) {
  const events: string[] = []
  const certificate = clientCertificate(pairOf('client'))
  const onEvent = ({ type }: { type: string }) => void events.push(type)
  const server = authorizationServer({}, { tls: { certificate }, dpop: isBound ? dpopKey() : undefined, onEvent })
  const api = await scene.api()
  const others: RecordingServer[] = []
  const foreign = async () => {
    const other = await scene.foreign()
    others.push(other)
    return other
  }
  const attachment = { source: going(way, await source(server)), origins: [api.origin], otherOrigins }
  const client = await scene.client([attachment], { baseUrl: api.origin })
  const outcomes: unknown[] = []
  const send = async (request: ClientRequest) => void outcomes.push(described(await outcomeOf(client, request)))
  // after the second one a source knows until when there is nothing to decide
  for (const url of ['/first', '/second']) await send({ url })
  await run({ api, foreign, server, certificate, send })
  // what goes on in the background is part of it
  await server.source.close()
  const received = [api, ...others].map(({ requests }) => requests.map(seen))
  const servers = [api, ...others].map((each, index) => [new URL(each.origin).host, `server-${index}`])
  const names = Object.fromEntries([...servers, [tokensOf(server), 'token']])
  return renamed({ outcomes, received, tokenRequests: server.requests, events }, names)
}

const ownSource = async ({ source }: AuthorizationServer) => source

function going(way: Way, source: HttpClientAttachment['source']): HttpClientAttachment['source'] {
  return typeof source === 'function' ? async request => way(await source(request)) : way(source)
}

function described(outcome: Outcome): unknown {
  if ('error' in outcome) return causesOf(outcome.error).map(brief)
  const { status, headers, body } = outcome.response
  const { date: _, ...others } = headers
  return { status, headers: others, body }
}

function brief(error: unknown): unknown {
  const { name, code, message } = Object(error)
  return { name, code, message }
}

/** Proofs are never the same: what they say of their request is. */
function seen(request: Received): unknown {
  const { method, url, headers, body } = request
  const { htm, htu, nonce, ath } = proofOf(request)
  const proof = { htm, htu, nonce, isForToken: ath !== undefined }
  const dpop = headers.dpop?.includes('.') ? proof : headers.dpop
  return { method, url, headers: { ...headers, dpop }, body: body.toString() }
}

/** With the names that differ from one world to the next replaced. */
function renamed(all: object, names: Readonly<Record<string, string>>): unknown {
  let text = JSON.stringify(all)
  for (const [name, replacement] of Object.entries(names)) text = text.replaceAll(name, replacement)
  return JSON.parse(text)
}

const tokensOf = (server: AuthorizationServer) => server.token(1).replace(/-1$/, '')

/** Users with tokens for ninety days. */
async function usersOf({ source: { client }, clock }: AuthorizationServer, ...subjects: readonly string[]) {
  const users = createUserTokenSources({ client })
  const endsAt = clock.now() + 90 * dayMs
  for (const subject of subjects)
    await users.for(subject).import({
      ...{ accessToken: `${tokenPrefix}-${subject}`, expiresAt: endsAt },
      ...{ refreshToken: `${tokenPrefix}-refresh-${subject}`, refreshTokenExpiresAt: endsAt },
    })
  return (subject: string) => users.for(subject)
}

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

function pairOf(name: 'client' | 'otherClient') {
  const { cert, key } = certificates()[name]
  return { cert, key }
}
