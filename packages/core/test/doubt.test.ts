/** A 401 that gives no reason: worth one token request, until it is known what it is worth. */
import { getEventListeners } from 'node:events'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  type TokenSet,
  type TokenSource,
} from '../src/index.js'
import { type Attached, type AttachResponse, attach, parseOrigins } from '../src/kit.js'
import { gate, issue, refuse, rotate, type Setup, setUp, start } from './scripted-server.js'

const list = ['https://api.example', 'https://other.example']
const origins = parseOrigins(list)
const [url, elsewhere] = list as [string, string]
const minuteMs = 60_000

const bare = (status = 401, wwwAuthenticate?: string): AttachResponse => ({
  status,
  wwwAuthenticate,
  body: async () => '',
})
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const attachTo = (source: TokenSource, to = url) => attach(source, origins, { method: 'GET', url: to })
const sourceOf = ({ client }: Pick<Setup, 'client'>) => createTokenSource({ client, grant: clientCredentials() })

/** What an API that says 401 to everything gets of one request: how often it is sent. */
async function refuseAlways(source: TokenSource, to = url, refusal = bare()): Promise<number> {
  const attached = await attachTo(source, to)
  for (let sent = 1; ; sent++) {
    attached.concerns(refusal.status)
    if ((await attached.replay(refusal, true)) === undefined) return sent
  }
}

/** A request whose first answer is a bare 401, and whose second is what is given. */
async function refuseOnce(source: TokenSource, status = 200): Promise<Attached> {
  const attached = await attachTo(source)
  expect(await attached.replay(bare(), true)).toBeDefined()
  expect(attached.concerns(status)).toBe(status === 401)
  return attached
}

/** Two users whose tokens live for an hour, by one client. */
async function twoUsers(setup: Setup) {
  const users = createUserTokenSources({ client: setup.client })
  const [ann, bob] = [users.for('ann'), users.for('bob')]
  await ann.import({ refreshToken: 'of-ann', accessToken: 'ann-1', expiresAt: start + 60 * minuteMs })
  await bob.import({ refreshToken: 'of-bob', accessToken: 'bob-1', expiresAt: start + 60 * minuteMs })
  return { ann, bob }
}

describe('a refusal without a reason', () => {
  for (const header of [undefined, 'error=invalid_request,error_description=Invalid request', 'Bearer realm="api"'])
    test(`is worth one renewal and one replay: ${header}`, async () => {
      const setup = setUp()
      const attached = await attachTo(sourceOf(setup))
      expect(await attached.replay(bare(401, header), true)).toEqual(bearer('token-2'))
      expect(attached.concerns(200)).toBe(false)
      expect(setup.server.requests).toHaveLength(2)
    })

  test('costs one token request in five minutes where the new token is refused alike, whoever calls', async () => {
    const setup = setUp(rotate())
    const { ann, bob } = await twoUsers(setup)
    expect(await refuseAlways(ann)).toBe(2)
    for (let calls = 0; calls < 20; calls++) expect(await refuseAlways(calls % 2 ? ann : bob)).toBe(1)
    expect(await refuseAlways(createUserTokenSources({ client: setup.another() }).for('bob'))).toBe(1)
    expect(setup.server.requests).toHaveLength(1)
    setup.clock.advance(5 * minuteMs - 1)
    expect(await refuseAlways(bob)).toBe(1)
    setup.clock.advance(1)
    expect(await refuseAlways(bob)).toBe(2)
    expect(setup.server.requests).toHaveLength(2)
  })

  test('is told apart by origin', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    expect(await refuseAlways(source, url)).toBe(2)
    expect(await refuseAlways(source, elsewhere)).toBe(2)
    expect(await refuseAlways(source, url)).toBe(1)
    expect(setup.server.requests).toHaveLength(3)
  })

  test('is counted for the origin a redirect led to', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const attached = await attachTo(source, url)
    expect(attached.allows(`${elsewhere}/moved`)).toBe(true)
    while ((await attached.replay(bare(), true)) !== undefined);
    expect(await refuseAlways(source, elsewhere)).toBe(1)
    expect(await refuseAlways(source, url)).toBe(2)
  })

  test('renews nothing where a well-formed challenge speaks of something else', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    for (const header of ['Basic realm="x"', 'Bearer error="insufficient_scope"', 'DPoP error="use_dpop_nonce"'])
      expect(await refuseAlways(source, url, bare(401, header))).toBe(1)
    expect(setup.server.requests).toHaveLength(1)
  })

  test('is looked for in other statuses where the provider names them', async () => {
    const setup = setUp(undefined, {}, { rejectionStatuses: [401, 403] })
    const source = sourceOf(setup)
    const attached = await attachTo(source)
    expect(await attached.replay(bare(403), true)).toEqual(bearer('token-2'))
    expect(attached.concerns(200)).toBe(false)
    for (let calls = 0; calls < 5; calls++) await refuseAlways(source, url, bare(403))
    expect(setup.server.requests).toHaveLength(3)
  })

  test('is one renewal for 1,000 callers at once, each of whom is sent again', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const all = await Promise.all(Array.from({ length: 1_000 }, () => attachTo(source)))
    const replays = await Promise.all(all.map(attached => attached.replay(bare(), true)))
    expect(replays).toEqual(Array(1_000).fill(bearer('token-2')))
    expect(setup.server.requests).toHaveLength(2)
    for (const attached of all) expect(await attached.replay(bare(), true)).toBeUndefined()
    expect(await refuseAlways(source)).toBe(1)
    expect(setup.server.requests).toHaveLength(2)
  })

  test('costs no token request where the token has been replaced already', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    await refuseAlways(source)
    const attached = await attachTo(source)
    await source.getTokenSet({ force: true })
    expect(await attached.replay(bare(), true)).toEqual(bearer('token-3'))
    expect(setup.server.requests).toHaveLength(3)
  })

  test('is believed again once a replaced token was the reason', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    await refuseAlways(source)
    const attached = await attachTo(source)
    await source.getTokenSet({ force: true })
    await attached.replay(bare(), true)
    expect(attached.concerns(204)).toBe(false)
    expect((await refuseOnce(source)).headers).toEqual(bearer('token-4'))
  })

  test('is not believed again because another request succeeds', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    for (let calls = 0; calls < 5; calls++) {
      await refuseAlways(source)
      expect((await attachTo(source)).concerns(200)).toBe(false)
    }
    expect(setup.server.requests).toHaveLength(2)
  })

  test('is believed of dead tokens each time they die', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    for (const minutes of [0, 1, 10, 40]) {
      setup.clock.advance(minutes * minuteMs)
      await refuseOnce(source)
    }
    expect(setup.server.requests).toHaveLength(5)
  })

  test('is proven by any answer that a server without trouble gives', async () => {
    for (const status of [204, 302, 404, 409, 422]) {
      const setup = setUp()
      const source = sourceOf(setup)
      await refuseOnce(source, status)
      await refuseOnce(source)
      expect(setup.server.requests).toHaveLength(3)
    }
  })

  test('is not proven by a server in trouble', async () => {
    for (const status of [429, 500, 503]) {
      const setup = setUp()
      const source = sourceOf(setup)
      await refuseOnce(source, status)
      expect(await refuseAlways(source)).toBe(1)
      expect(setup.server.requests).toHaveLength(2)
    }
  })

  test('is not proven by a hint before the answer', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const attached = await refuseOnce(source, 103)
    attached.concerns(500)
    expect(await refuseAlways(source)).toBe(1)
    expect(setup.server.requests).toHaveLength(2)
  })

  test('is proven by a refusal that gives a reason', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const attached = await refuseOnce(source, 401)
    expect(await attached.replay(bare(401, 'Bearer error="insufficient_scope"'), true)).toBeUndefined()
    await refuseOnce(source)
    expect(setup.server.requests).toHaveLength(3)
  })

  test('is not believed after a new token was asked for because of invalid_token, and refused without a reason', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const attached = await attachTo(source)
    expect(await attached.replay(bare(401, 'Bearer error="invalid_token"'), true)).toEqual(bearer('token-2'))
    expect(await attached.replay(bare(), true)).toBeUndefined()
    expect(await refuseAlways(source)).toBe(1)
    expect(setup.server.requests).toHaveLength(2)
  })

  test('does not keep a refusal for a reason from being believed', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    expect(await refuseAlways(source)).toBe(2)
    const attached = await attachTo(source)
    expect(await attached.replay(bare(401, 'Bearer error="invalid_token"'), true)).toEqual(bearer('token-3'))
  })

  test('is still worth a renewal where new tokens are refused for a reason', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    expect(await refuseAlways(source, url, bare(401, 'Bearer error="invalid_token"'))).toBe(2)
    setup.clock.advance(minuteMs)
    expect(await refuseAlways(source)).toBe(2)
    expect(setup.server.requests).toHaveLength(3)
  })
})

describe('other users, while it is being found out', () => {
  async function waiting(setup: Setup) {
    noTimePasses()
    const { ann, bob } = await twoUsers(setup)
    const [first, second] = [await attachTo(ann), await attachTo(bob)]
    expect(await first.replay(bare(), true)).toEqual(bearer('token-1'))
    return { first, second, replay: second.replay(bare(), true) }
  }

  /** So that who waits is told, and does not merely give up. */
  const noTimePasses = () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
  }

  test('wait, and renew when it helped', async () => {
    const setup = setUp(rotate())
    const { first, replay } = await waiting(setup)
    expect(setup.server.requests).toHaveLength(1)
    first.concerns(200)
    expect(await replay).toEqual(bearer('token-2'))
    expect(setup.server.requests.map(({ form }) => form.refresh_token)).toEqual(['of-ann', 'of-bob'])
  })

  test('wait, and get their 401 when it did not', async () => {
    const setup = setUp(rotate())
    const { first, replay } = await waiting(setup)
    await first.replay(bare(), true)
    expect(await replay).toBeUndefined()
    expect(setup.server.requests).toHaveLength(1)
  })

  test('wait, and get their 401 when the new token is refused for a reason', async () => {
    const setup = setUp(rotate())
    const { first, replay } = await waiting(setup)
    await first.replay(bare(401, 'Bearer error="invalid_token"'), true)
    expect(await replay).toBeUndefined()
    expect(setup.server.requests).toHaveLength(1)
  })

  test('wait, and get their 401 when the request is led on to where the new token is refused', async () => {
    const setup = setUp(rotate())
    const { first, replay } = await waiting(setup)
    expect(first.allows(`${elsewhere}/moved`)).toBe(true)
    await first.replay(bare(), true)
    expect(await replay).toBeUndefined()
    expect(setup.server.requests).toHaveLength(1)
  })

  test('get their 401 when nobody will find out', async () => {
    noTimePasses()
    const setup = setUp(rotate())
    const { ann, bob } = await twoUsers(setup)
    const [first, second] = [await attachTo(ann), await attachTo(bob)]
    const opened = gate(rotate())
    setup.server.answer = opened.answer
    const stream = first.replay(bare(), false)
    await setup.server.arrived(1)
    const replay = second.replay(bare(), true)
    opened.open()
    expect([await stream, await replay]).toEqual([undefined, undefined])
    expect((await ann.getTokenSet()).accessToken).toBe('token-1')
    expect(setup.server.requests).toHaveLength(1)
  })

  test('wait ten seconds at most: the answer may be lost', async () => {
    const setup = setUp(rotate())
    const { replay } = await waiting(setup)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await replay).toBeUndefined()
    expect(setup.server.requests).toHaveLength(1)
  })

  test('wait by one listener on a signal they share, and leave none', async () => {
    const setup = setUp(rotate())
    const { ann, bob } = await twoUsers(setup)
    const controller = new AbortController()
    const { signal } = controller
    const first = await attachTo(ann)
    const attached = await Promise.all(
      Array.from({ length: 20 }, () => attach(bob, origins, { method: 'GET', url, signal })),
    )
    await first.replay(bare(), true)
    const replays = attached.map(one => one.replay(bare(), true))
    await new Promise(setImmediate)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    controller.abort(new Error('gone'))
    for (const replay of replays) await expect(replay).rejects.toThrow('gone')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('stop waiting when they abort', async () => {
    const setup = setUp(rotate())
    const { ann, bob } = await twoUsers(setup)
    const controller = new AbortController()
    const first = await attachTo(ann)
    const second = await attach(bob, origins, { method: 'GET', url, signal: controller.signal })
    await first.replay(bare(), true)
    const replay = second.replay(bare(), true)
    controller.abort(new Error('gone'))
    await expect(replay).rejects.toThrow('gone')
  })
})

describe('when no new token can be had', () => {
  test('hands on the 401, keeps the token in use, and asks again soon', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    const attached = await attachTo(source)
    setup.server.answer = refuse(503, 'temporarily_unavailable')
    expect(await attached.replay(bare(), true)).toBeUndefined()
    expect((await source.getTokenSet()).accessToken).toBe('token-1')
    setup.server.answer = issue()
    setup.clock.advance(29_999)
    expect(await refuseAlways(source)).toBe(1)
    setup.clock.advance(1)
    expect(await refuseAlways(source)).toBe(2)
    expect(setup.server.requests).toHaveLength(3)
  })

  test('says why where it is known that one would help', async () => {
    const setup = setUp()
    const source = sourceOf(setup)
    await refuseOnce(source)
    const attached = await attachTo(source)
    setup.server.answer = refuse(503, 'temporarily_unavailable')
    await expect(attached.replay(bare(), true)).rejects.toMatchObject({ serverStatus: 503 })
  })

  test('asks for a login when the server says that the session is over', async () => {
    const setup = setUp(refuse(400, 'invalid_grant'))
    const { ann } = await twoUsers(setup)
    await expect((await attachTo(ann)).replay(bare(), true)).rejects.toMatchObject({ reason: 'invalid_grant' })
  })

  test('asks for no login where there never was a refresh token: the token may be good', async () => {
    const { client } = setUp()
    const user = createUserTokenSources({ client }).for('carol')
    await user.import({ accessToken: 'imported', expiresAt: start + 10 * minuteMs })
    expect(await (await attachTo(user)).replay(bare(), true)).toBeUndefined()
    expect((await user.getTokenSet()).accessToken).toBe('imported')
  })

  test('hands on the 401 when the server hands out the same token again', async () => {
    const setup = setUp(issue({ access_token: 'the-same' }))
    const source = sourceOf(setup)
    for (let calls = 0; calls < 5; calls++) expect(await refuseAlways(source)).toBe(1)
    expect(setup.server.requests).toHaveLength(2)
  })

  test('throws the signal’s reason when the caller aborts', async () => {
    const setup = setUp()
    const controller = new AbortController()
    const attached = await attach(sourceOf(setup), origins, { method: 'GET', url, signal: controller.signal })
    setup.server.answer = () => new Promise(() => {})
    const replay = attached.replay(bare(), true)
    await setup.server.arrived(2)
    controller.abort(new Error('gone'))
    await expect(replay).rejects.toThrow('gone')
  })
})

test('a source of the user’s own is one by itself', async () => {
  let number = 0
  const ofMyOwn = (): TokenSource => ({
    getTokenSet: async ({ rejected } = {}) => ({ accessToken: `own-${rejected ? ++number : number}` }) as TokenSet,
  })
  const source = ofMyOwn()
  expect(await refuseAlways(source)).toBe(2)
  expect(await refuseAlways(source)).toBe(1)
  expect(await refuseAlways(ofMyOwn())).toBe(2)
})

test('what is known of origins is bounded', async () => {
  const setup = setUp()
  const source = sourceOf(setup)
  await refuseAlways(source)
  const many = Array.from({ length: 1_000 }, (_, number) => `https://${number}.example`)
  const all = parseOrigins(many)
  for (const one of many) {
    const attached = await attach(source, all, { method: 'GET', url: one })
    while ((await attached.replay(bare(), true)) !== undefined);
  }
  expect(await refuseAlways(source)).toBe(2)
})
