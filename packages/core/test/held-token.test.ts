/**
 * A token that is held goes onto a request at once, by a way of its own. Every request here is made twice, by that way and
 * with the source asked, and has to come out alike.
 */
import { describe, expect, test } from 'vitest'
import {
  type Closable,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  isGrantKitError,
  memoryStore,
  type TokenSource,
  type TokenStore,
} from '../src/index.js'
import { Attachments, readAttachment, type Sending, Trip } from '../src/kit.js'
import { rotate, type Setup, setUp, start } from './scripted-server.js'

const origin = 'https://api.example'
const url = `${origin}/accounts`
const attaching = { maker: 'attach', order: 'attach(source)', agentOf: () => 'agent' }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

interface World extends Setup {
  readonly certificate: { thumbprint: string }
}

/** A source in a world of its own, and how its request differs from a plain one. */
type Scene = (world: World) => Promise<{ readonly source: TokenSource; readonly sending?: Partial<Sending> }>
type Wrap = (source: TokenSource) => TokenSource

const asItIs: Wrap = source => source
const asked: Wrap = source => ({ ...source, getTokenSet: options => source.getTokenSet(options) })

function tripOf(source: TokenSource): Trip<string> {
  return new Trip(new Attachments([readAttachment(attaching, source, { origins: [origin] })]), { url })
}

const plain: Sending = { method: 'GET', url, request: undefined, has: () => false }

/** What comes of a request's first attempt, and whether that was known at once. */
async function play(scene: Scene, wrap: Wrap) {
  const certificate = { thumbprint: 'old' }
  const world = { ...setUp(rotate(), { tls: { certificate: certificate as never } }), certificate }
  const { source, sending } = await scene(world)
  const headers = tripOf(wrap(source)).headersFor({ ...plain, ...sending }, 'first')
  const came = await Promise.resolve(headers).catch(nameOf)
  // what goes on in the background is part of it
  await (source as Partial<Closable>).close?.()
  const { events, server } = world
  return {
    atOnce: !(headers instanceof Promise),
    came,
    events: events.map(({ type }) => type),
    server: server.requests,
  }
}

const nameOf = (error: unknown) => (isGrantKitError(error) ? error.code : String(error))

/** A source that holds `token-1`. */
async function holding({ client }: Setup, store = memoryStore()) {
  const source = createTokenSource({ client, grant: clientCredentials(), store })
  await source.getTokenSet()
  // who comes next looks when it will be due
  await source.getTokenSet()
  return source
}

/** A user's tokens: an access token for an hour, a refresh token for ninety days. */
async function holdingUsers({ client }: Setup, expiresAt = start + 3_600_000) {
  const user = createUserTokenSources({ client, store: memoryStore() }).for('ann')
  const tokens = { accessToken: 'token-1', expiresAt, refreshToken: 'refresh-1' }
  await user.import({ ...tokens, refreshTokenExpiresAt: start + 90 * 86_400_000 })
  await user.getTokenSet()
  return user
}

/** What others may write to is asked for its record every ten seconds. */
function shared(): TokenStore {
  const { watch: _, ...store } = memoryStore()
  return { ...store, secrecy: 'sealed' }
}

describe('is had at once', () => {
  const scenes: Record<string, Scene> = {
    'where nothing has to be done': async world => ({ source: await holding(world) }),
    'with a signal that is not aborted': async world => ({
      source: await holding(world),
      sending: { signal: new AbortController().signal },
    }),
    'from a source whose other members were replaced': async world => ({
      source: { ...(await holding(world)), origins: [origin] },
    }),
    'of a user': async world => ({ source: await holdingUsers(world) }),
    'of a store that others share, while its record is fresh': async world => ({
      source: await holding(world, shared()),
    }),
  }
  for (const [name, scene] of Object.entries(scenes))
    test(name, async () => {
      const [fast, slow] = [await play(scene, asItIs), await play(scene, asked)]
      expect(fast).toEqual({ ...slow, atOnce: true })
      expect(fast.came).toEqual(bearer('token-1'))
      expect(slow.atOnce).toBe(false)
    })
})

describe('is asked for', () => {
  const aborted = AbortSignal.abort(new Error('gone'))
  const scenes: Record<string, readonly [Scene, unknown]> = {
    'where none is held': [
      async ({ client }) => ({ source: createTokenSource({ client, grant: clientCredentials() }) }),
      bearer('token-1'),
    ],
    'of a source that was closed': [
      async world => {
        const source = await holding(world)
        await source.close()
        return { source }
      },
      'ERR_CLOSED',
    ],
    'once the certificate was replaced': [
      async world => {
        const source = await holding(world)
        world.certificate.thumbprint = 'new'
        return { source }
      },
      bearer('token-2'),
    ],
    'when it is due, and serves while it is renewed': [
      async world => {
        const source = await holding(world)
        world.clock.advance(3_540_000)
        return { source }
      },
      bearer('token-1'),
    ],
    'when it is over': [
      async world => {
        const source = await holding(world)
        world.clock.advance(3_600_000)
        return { source }
      },
      bearer('token-2'),
    ],
    'when the clock was set back': [
      async world => {
        const source = await holding(world)
        world.clock.advance(-60_001)
        return { source }
      },
      bearer('token-1'),
    ],
    'when the end of the refresh token is to be told': [
      async world => {
        const source = await holdingUsers(world, start + 90 * 86_400_000)
        world.clock.advance(89 * 86_400_000)
        return { source }
      },
      bearer('token-1'),
    ],
    'when the store has to be asked': [
      async world => {
        const source = await holding(world, shared())
        world.clock.advance(10_000)
        return { source }
      },
      bearer('token-1'),
    ],
    'once it was dropped': [
      async world => {
        const source = await holding(world)
        await source.drop('token-1')
        return { source }
      },
      bearer('token-2'),
    ],
    'once it was forgotten': [
      async world => {
        const source = await holdingUsers(world)
        await source.forget()
        return { source }
      },
      'ERR_LOGIN_REQUIRED',
    ],
    'with a signal that was aborted': [
      async world => ({ source: await holding(world), sending: { signal: aborted } }),
      'Error: gone',
    ],
    'with what is no signal': [
      async world => ({ source: await holding(world), sending: { signal: { aborted: false } as AbortSignal } }),
      'TypeError: signal: must be an AbortSignal',
    ],
    'of a source that was patched': [
      async world => {
        const source = await holding(world)
        const { getTokenSet } = source
        source.getTokenSet = options => getTokenSet(options)
        return { source }
      },
      bearer('token-1'),
    ],
    'of a source behind a proxy that looks on': [
      async world => {
        const source = await holding(world)
        return { source: { ...source, getTokenSet: new Proxy(source.getTokenSet, {}) } }
      },
      bearer('token-1'),
    ],
  }
  for (const [name, [scene, came]] of Object.entries(scenes))
    test(name, async () => {
      const [first, second] = [await play(scene, asItIs), await play(scene, asked)]
      expect(first).toEqual({ ...second, atOnce: false })
      expect(first.came).toEqual(came)
    })

  test('of a source that a function chooses', async () => {
    const source = await holding(setUp())
    const attachment = readAttachment(attaching, () => source, { origins: [origin] })
    const headers = new Trip(new Attachments([attachment]), { url }).headersFor(plain, 'first')
    expect(headers).toBeInstanceOf(Promise)
    expect(await headers).toEqual(bearer('token-1'))
  })
})

describe('makes no difference to what comes next:', () => {
  const away = { ...plain, url: 'https://evil.example/' }
  const answered = (status: number, challenge = 'Bearer error="invalid_token"') => ({
    status,
    header: (name: string) => (name === 'www-authenticate' ? challenge : undefined),
    body: async () => '',
  })
  type Journey = (trip: Trip<string>) => Promise<readonly unknown[]>
  const journeys: Record<string, readonly [Journey, readonly unknown[]]> = {
    'an answer': [async trip => [trip.concerns(answered(200)), await trip.decide(answered(200), true)], [false, false]],
    'a redirect within the origins': [
      async trip => [await trip.headersFor({ ...plain, url: `${origin}/next` }, 'redirect')],
      [bearer('token-1')],
    ],
    'a redirect elsewhere, and back': [
      async trip => [await trip.headersFor(away, 'redirect'), await trip.headersFor(plain, 'redirect')],
      [{}, {}],
    ],
    'a token that is rejected': [
      async trip => [await trip.decide(answered(401), true), await trip.headersFor(plain, 'replay')],
      [true, bearer('token-2')],
    ],
    'one that is rejected twice': [
      async trip => [await trip.decide(answered(401), true), await trip.decide(answered(401), true)],
      [true, false],
    ],
    'a refusal without a reason': [
      async trip => [await trip.decide(answered(401, ''), true), trip.concerns(answered(200))],
      [true, false],
    ],
    'a retry of the library': [async trip => [await trip.headersFor(plain, 'retry')], [bearer('token-1')]],
    'a retry once a credential of the caller’s own is there': [
      async trip => [await trip.headersFor({ ...plain, has: name => name === 'authorization' }, 'retry')],
      [{}],
    ],
  }
  for (const [name, [journey, expected]] of Object.entries(journeys))
    for (const [way, wrap] of Object.entries({ 'had at once': asItIs, 'asked for': asked }))
      test(`${name} (${way})`, async () => {
        const trip = tripOf(wrap(await holding(setUp())))
        await trip.headersFor(plain, 'first')
        expect(await journey(trip)).toEqual(expected)
      })
})

test('is not had for a URL that is none of the origins, though it was one when the trip began', async () => {
  for (const wrap of [asItIs, asked]) {
    const trip = tripOf(wrap(await holding(setUp())))
    const headers = async () => trip.headersFor({ ...plain, url: 'https://evil.example/' }, 'first')
    await expect(headers()).rejects.toMatchObject({ code: 'ERR_ORIGIN' })
  }
})
