/**
 * What real authorization servers say when they refuse, and what becomes of it here: whose token is not renewed any
 * more, whether a session is over, and what is told. The recorded answers are facts, each with what should become of it,
 * decided by hand from what the server says; `outcomes` says what that means.
 */
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type Conform, clientCredentials, createTokenSource } from '../src/index.js'
import { attach, parseOrigins } from '../src/kit.js'
import { failure } from './answering.js'
import {
  badScope,
  codeOf,
  isBad,
  type RecordedRefusal,
  recording,
  type Scene,
  scene,
  secrets,
} from './recorded-scene.js'

/** What everybody else does meanwhile, each by a request of its own: another user's renewal, a login, the application's. */
async function othersGoOn({ userOf, client, asked }: Scene): Promise<void> {
  const before = asked.length
  await userOf('bob').import({ refreshToken: `${secrets.good}-bob` })
  await userOf('bob').getTokenSet()
  await userOf('bob').getTokenSet({ force: true })
  await userOf('carol').redeem(codeOf(`${secrets.good}-code`))
  await createTokenSource({ client, grant: clientCredentials({ scope: 'others' }) }).getTokenSet()
  expect(asked.length - before).toBe(4)
}

/** Everybody gets the error that began the rest, and no request goes out. */
async function othersRest({ userOf, client, asked }: Scene): Promise<void> {
  const before = asked.length
  await userOf('bob').import({ refreshToken: `${secrets.good}-bob` })
  const application = createTokenSource({ client, grant: clientCredentials({ scope: 'others' }) })
  for (const call of [userOf('bob').getTokenSet(), application.getTokenSet()])
    expect(await failure(call)).toMatchObject({ code: 'ERR_SERVER_REFUSED', kind: 'invalid_client' })
  expect(asked).toHaveLength(before)
}

/** Nothing that was planted is in an error, an event, or what prints them. */
function showsNoSecret(...values: readonly unknown[]): void {
  const everything = { depth: Number.POSITIVE_INFINITY, showHidden: true }
  for (const value of values)
    for (const text of [inspect(value, everything), String(value), String(Object(value).stack), JSON.stringify(value)])
      expect(text).not.toContain('mkr')
}

function tellsWhy(error: Error & Record<string, unknown>, { status, says }: RecordedRefusal): void {
  expect(error).toMatchObject({ code: 'ERR_SERVER_REFUSED', provider: 'recorded', serverStatus: status })
  expect(error.message).toContain(String(status))
  expect(error.message).toContain(says)
  if (says !== '') expect([error.error, error.error_description].filter(Boolean).join(': ')).toBe(says)
}

/** How one grant is asked for with what the server refuses. */
const asking: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  async refresh_token({ userOf }) {
    await userOf('alice').import({ refreshToken: secrets.bad })
    return userOf('alice').getTokenSet()
  },
  authorization_code: ({ userOf }) => userOf('dave').redeem(codeOf(secrets.bad)),
  client_credentials: ({ client }) =>
    createTokenSource({ client, grant: clientCredentials({ scope: badScope }) }).getTokenSet(),
}

function askFor({ to }: RecordedRefusal, scened: Scene): Promise<unknown> {
  const ask = asking[to]
  if (ask === undefined) throw new Error(`nobody asks for ${to}`)
  return ask(scened)
}

const outcomes: Readonly<Record<string, (refusal: RecordedRefusal, conform?: Conform) => Promise<void>>> = {
  /** The session is over, at once and for this user alone; nothing is sent again. */
  async 'login required'(refusal, conform = {}) {
    const scened = await scene(refusal, isBad, { conform })
    const { userOf, asked, events } = scened
    const error = await failure(askFor(refusal, scened))
    expect(error).toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
      reason: 'invalid_grant',
      subject: 'alice',
      retryable: false,
    })
    tellsWhy(error.cause as never, refusal)
    expect(await failure(userOf('alice').getTokenSet())).toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
    expect(asked).toHaveLength(1)
    expect(events.filter(({ type }) => type === 'login_required')).toMatchObject([
      { subject: 'alice', reason: 'invalid_grant' },
    ])
    await othersGoOn(scened)
    showsNoSecret(error, events)
  },
  /** This code, refresh token, scope or request rests; nobody else does, and no session is over. */
  async 'this attempt alone'(refusal) {
    const scened = await scene(refusal, isBad)
    const { asked, events } = scened
    const ask = () => askFor(refusal, scened)
    const error = await failure(ask())
    tellsWhy(error, refusal)
    // a code that met a 500 may be answered if the user tries again
    expect(error.retryable).toBe(refusal.status === 500)
    expect(await failure(ask())).toMatchObject({ code: 'ERR_SERVER_REFUSED' })
    expect(asked).toHaveLength(1)
    await othersGoOn(scened)
    expect(events.filter(({ type }) => type === 'login_required')).toEqual([])
    showsNoSecret(error, events)
  },
  /** The client's own credentials were refused: it rests, until it has others or for a while; no session is over. */
  async 'the client rests'(refusal, conform = {}) {
    let clientId = ''
    const scened = await scene(refusal, (_, basic) => basic.startsWith(`${clientId}:`), { conform })
    const { client, another, asked, events, mend, advance } = scened
    clientId = client.id
    const ask = () => askFor(refusal, scened)
    const error = await failure(ask())
    tellsWhy(error, refusal)
    expect(error).toMatchObject({ kind: 'invalid_client', retryable: false })
    await othersRest(scened)
    await createTokenSource({ client: another, grant: clientCredentials() }).getTokenSet()
    expect(asked).toHaveLength(2)
    mend()
    advance(10_000)
    await ask()
    expect(events.filter(({ type }) => type === 'login_required')).toEqual([])
    showsNoSecret(error, events)
  },
  /** The server could not: nothing is over; others go on at once where it was one request's 500, else after a cool-down. */
  async 'not now'(refusal) {
    const scened = await scene(refusal, isBad)
    const { asked, events, mend, advance } = scened
    const ask = () => askFor(refusal, scened)
    const error = await failure(ask())
    tellsWhy(error, refusal)
    expect(error).toMatchObject({ kind: 'transient', retryable: true })
    expect(await failure(ask())).toMatchObject({ code: 'ERR_SERVER_REFUSED' })
    expect(asked).toHaveLength(1)
    if (refusal.status === 503) advance(1_000)
    await othersGoOn(scened)
    mend()
    advance(30_000)
    await ask()
    expect(events.filter(({ type }) => type === 'login_required')).toEqual([])
    showsNoSecret(error, events)
  },
  /** A challenge that says the token is dead: renewed once, and the request sent again. */
  async replayed(refusal) {
    expect(await callApi(refusal, 1)).toEqual({ statuses: [200, 200], tokenRequests: 2, sent: 3 })
  },
  /** No challenge, or none that can be read: worth one renewal; if that does not help, not believed again for a while. */
  async 'replayed once'(refusal, conform = {}) {
    const { status } = refusal
    expect(await callApi(refusal, 1, conform)).toEqual({ statuses: [200, 200], tokenRequests: 2, sent: 3 })
    expect(await callApi(refusal, 100, conform)).toEqual({ statuses: [status, status], tokenRequests: 2, sent: 3 })
  },
  /** It speaks of something else: the caller gets it as it came. */
  async returned(refusal) {
    const { status } = refusal
    expect(await callApi(refusal, 100)).toEqual({ statuses: [status, status], tokenRequests: 1, sent: 2 })
  },
}

/** Two calls, one after the other, of an API that refuses the first `dead` tokens it sees. */
async function callApi(refusal: RecordedRefusal, deadTokens: number, conform: Conform = {}) {
  const { client, asked, api } = await scene(refusal, () => false, { deadTokens, conform })
  const source = createTokenSource({ client, grant: clientCredentials() })
  const statuses = [await callOnce(source, api.url), await callOnce(source, api.url)]
  return { statuses, tokenRequests: asked.length, sent: api.received() }
}

/** What an integration does. */
async function callOnce(source: ReturnType<typeof createTokenSource>, url: string): Promise<number> {
  const attached = await attach(source, parseOrigins([url]), { method: 'GET', url })
  const response = await fetch(url, { headers: attached.headers })
  const text = await response.text()
  const wwwAuthenticate = response.headers.get('www-authenticate') ?? undefined
  const answer = { status: response.status, wwwAuthenticate, body: async () => text }
  const headers = await attached.replay(answer, true)
  if (headers === undefined) return response.status
  const again = await fetch(url, { headers })
  const challenge = again.headers.get('www-authenticate') ?? undefined
  await attached.replay({ status: again.status, wwwAuthenticate: challenge, body: () => again.text() }, true)
  return again.status
}

/** Half an hour in which a user asks every ten seconds, and another beside, who is served or gets the same answer. */
async function halfAnHour(refusal: RecordedRefusal, isServed: boolean) {
  const scened = await scene(refusal, form => isBad(form) || !isServed)
  const { userOf, asked, advance } = scened
  await userOf('bob').import({ refreshToken: `${secrets.good}-bob` })
  await userOf('alice').import({ refreshToken: secrets.bad })
  for (let seconds = 0; seconds < 1_800; seconds += 10) {
    await userOf('bob').getTokenSet({ force: true }).catch(Error)
    const error = await failure(userOf('alice').getTokenSet())
    const tries = asked.filter(form => form.get('refresh_token') === secrets.bad).length
    if (error.code === 'ERR_LOGIN_REQUIRED') return { error, tries, seconds, events: scened.events }
    advance(10_000)
  }
  return undefined
}

/** What says neither that a refresh token is dead nor what else is wrong. */
const unexplained = Object.entries(recording).flatMap(([server, { refusals }]) =>
  refusals
    .filter(
      ({ to, becomes, says }) => to === 'refresh_token' && /alone|not now/.test(becomes) && !/scope:/.test(`${says}:`),
    )
    .map(refusal => ({ server, refusal })),
)

describe('a refresh token that is refused for no reason', () => {
  for (const { server, refusal } of unexplained) {
    const answer = `${server}, ${refusal.about}: ${refusal.status} ${refusal.says}`
    test(`ends its session after a few tries over some minutes while others are served: ${answer}`, async () => {
      const ended = await halfAnHour(refusal, true)
      expect(ended?.error).toMatchObject({ reason: 'refused', subject: 'alice', retryable: false })
      expect(ended?.tries).toBeGreaterThanOrEqual(3)
      expect(ended?.tries).toBeLessThanOrEqual(8)
      expect(ended?.seconds).toBeGreaterThanOrEqual(120)
      expect(ended?.seconds).toBeLessThanOrEqual(300)
      const told = ended?.events.filter(({ type }) => type === 'login_required')
      expect(told).toMatchObject([{ subject: 'alice', reason: 'refused' }])
      showsNoSecret(ended?.error, ended?.events)
    })

    test(`ends no session while everybody gets that answer: ${answer}`, async () => {
      expect(await halfAnHour(refusal, false)).toBeUndefined()
    })
  }
})

for (const [server, { version, refusals }] of Object.entries(recording))
  describe(`${server} ${version}`, () => {
    for (const refusal of refusals) {
      const { to, about, status, says, becomes } = refusal
      const answer = [status, says].filter(Boolean).join(' ')
      test(`${to}, ${about}: ${answer}: ${becomes}`, () => (outcomes[becomes] as (typeof outcomes)[string])(refusal))
    }
  })

describe('what docs/servers.md sets for', () => {
  const refusalsOf = (server: string, isMeant: (refusal: RecordedRefusal) => boolean) => {
    const meant = recording[server]?.refusals.filter(isMeant) ?? []
    expect(meant).not.toEqual([])
    return meant
  }
  const withoutBody: Conform['classifyError'] = ({ status, error, grantType }, standard) => {
    if (error !== undefined) return standard
    if (status === 400 && grantType === 'refresh_token') return 'invalid_grant'
    return status === 403 ? 'invalid_client' : standard
  }
  const invalidRequest: Conform['classifyError'] = ({ error, grantType }, standard) =>
    error === 'invalid_request' && grantType === 'refresh_token' ? 'invalid_grant' : standard

  test('glewlwyd ends a session at an empty 400, and lets the client rest at an empty 403', async () => {
    const conform = { classifyError: withoutBody }
    const dead = refusalsOf('glewlwyd', ({ to, status }) => to === 'refresh_token' && status === 400)
    const wrong = refusalsOf('glewlwyd', ({ to, status }) => to === 'client_credentials' && status === 403)
    for (const refusal of dead) await outcomes['login required']?.(refusal, conform)
    for (const refusal of wrong) await outcomes['the client rests']?.(refusal, conform)
  })

  for (const server of ['@jmondi/oauth2-server', 'LemonLDAP::NG'])
    test(`${server} ends a session at invalid_request`, async () => {
      const dead = refusalsOf(server, ({ to, says }) => to === 'refresh_token' && /^invalid_request/.test(`${says}`))
      for (const refusal of dead) await outcomes['login required']?.(refusal, { classifyError: invalidRequest })
    })

  for (const server of ['Django OAuth Toolkit', 'oauthlib'])
    test(`${server} renews once for a 403 of its API`, async () => {
      const dead = refusalsOf(server, ({ to, status }) => to === 'api' && status === 403)
      for (const refusal of dead) await outcomes['replayed once']?.(refusal, { rejectionStatuses: [401, 403] })
    })
})
