/**
 * Two processes of one app behind a balancer without stickiness, which ends TLS, with Redis as the store. oidc-provider
 * takes a refresh token once, and revokes the consent when it comes again.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { expect, type TestContext, test } from 'vitest'
import { certificates } from '../../testing/src/servers/certificates.js'
import { type RedisServer, startRedisServer } from '../../testing/src/servers/redis-server.js'
import { startBalancer } from './balancer.js'
import { agree, expectPage, logInAs, useChromium } from './chromium.js'
import { clientId, clientSecret, startLoginServer } from './login-server.js'

const newPerson = useChromium()
const tenMinutesMs = 600_000

test('logs in at one instance and comes back to the other, which has helmet, compression and express-session beside', async context => {
  await using scene = await startScene(context)
  await using ann = await newPerson()
  scene.only('one')
  await ann.page.goto(`${scene.origin}/login`)
  scene.only('two')

  await logInAs(ann.page, 'ann')
  await agree(ann.page)

  await ann.page.waitForURL(`${scene.origin}/`)
  expect(await ann.page.getByText('ann at two').count()).toBe(1)
  scene.only('one')
  expect(await askMe(ann.page)).toMatchObject({ status: 200, body: { sub: 'ann', at: 'one', isSecure: true } })
  const cookies = await ann.context.cookies()
  expect(cookies.filter(({ name }) => name.includes('grantkit'))).toMatchObject([
    { name: expect.stringMatching(/^__Host-grantkit-/), secure: true, httpOnly: true, sameSite: 'Lax' },
  ])
  expect(cookies.map(({ name }) => name)).toContain('connect.sid')
  expect(ann.problems).toEqual([])
})

test('renews once for 20 requests at once, and both instances go on with what came', async context => {
  await using scene = await startScene(context)
  await using ann = await newPerson()
  await scene.logIn(ann.page)
  const before = await askMe(ann.page)
  await scene.advance(tenMinutesMs)

  const answers = await askMe20Times(ann.page)

  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  expect(new Set(answers.map(({ body }) => body.token)).size).toBe(1)
  expect(answers[0]?.body.token).not.toBe(before.body.token)
  expect(countByInstance(answers)).toEqual({ one: 10, two: 10 })
  expect(scene.renewals()).toHaveLength(1)
  expect(scene.server.revoked).toEqual([])
})

test('goes on when the instance that renews is killed', async context => {
  await using scene = await startScene(context)
  await using ann = await newPerson()
  await scene.logIn(ann.page)
  await scene.advance(tenMinutesMs)
  const held = scene.server.hold()
  const asked = askMe20Times(ann.page)

  await scene.kill((await held).from)

  const answers = await asked
  const survivors = answers.filter(({ status }) => status === 200)
  expect(survivors.length).toBeGreaterThanOrEqual(10)
  expect(Object.keys(countByInstance(survivors))).toHaveLength(1)
  expect(answers.filter(({ status }) => status !== 200).every(({ status }) => status === 502)).toBe(true)
  expect(new Set(survivors.map(({ body }) => body.token)).size).toBe(1)
  expect(scene.renewals()).toHaveLength(1)
  expect(scene.server.revoked).toEqual([])
})

test('a logout at one instance is one at the other, for a copy of the cookie too', async context => {
  await using scene = await startScene(context)
  await using ann = await newPerson()
  await using thief = await newPerson()
  await scene.logIn(ann.page)
  await thief.context.addCookies(await ann.context.cookies())
  await thief.page.goto(scene.origin)
  expect(await askMe(thief.page)).toMatchObject({ status: 200 })

  await logOut(ann.page)

  for (const instance of ['one', 'two']) {
    scene.only(instance)
    expect(await askMe(thief.page)).toMatchObject({ status: 401, body: { error: 'ERR_LOGIN_REQUIRED' } })
  }
})

test('an answer that one instance took is refused by the other', async context => {
  await using scene = await startScene(context)
  await using ann = await newPerson()
  await using again = await newPerson()
  scene.only('one')
  await ann.page.goto(`${scene.origin}/login`)
  await again.context.addCookies(await ann.context.cookies())
  const callback = ann.page.waitForRequest(request => request.url().startsWith(`${scene.origin}/callback`))
  await logInAs(ann.page, 'ann')
  await agree(ann.page)
  const { length } = scene.server.tokenRequests

  scene.only('two')
  const answer = await again.page.goto((await callback).url())

  expect(answer?.status()).toBe(400)
  expect(scene.server.tokenRequests).toHaveLength(length)
  await again.page.goto(scene.origin)
  expect(await askMe(again.page)).toMatchObject({ status: 401 })
  expect(await askMe(ann.page)).toMatchObject({ status: 200 })
})

test('says so while Redis is away, and goes on when it is back', async context => {
  await using scene = await startScene(context, { config: ['appendonly yes'] })
  await using ann = await newPerson()
  await scene.logIn(ann.page)

  await scene.redis.kill()
  const tab = await ann.context.newPage()
  expect((await tab.goto(`${scene.origin}/me`))?.status()).toBe(503)
  await expectPage(tab, 'store-away')
  expect(await askMe(ann.page)).toMatchObject({ status: 503, body: { error: 'ERR_TOKEN_STORE' } })

  await scene.redis.restart()
  const askBoth = async () => [await askMe(ann.page), await askMe(ann.page)]
  await expect.poll(async () => (await askBoth()).map(({ status }) => status)).toEqual([200, 200])
  expect(countByInstance(await askBoth())).toEqual({ one: 1, two: 1 })
})

test('streams answers, compressed, for a user whose cookie is issued anew on the way', async context => {
  await using scene = await startScene(context)
  await using ann = await newPerson()
  await scene.logIn(ann.page)
  const before = await sessionCookie(ann.context)
  await scene.advance(3 * 3_600_000)

  const response = await ann.page.goto(`${scene.origin}/lines`)

  expect(await response?.text()).toBe('line 1 for ann\nline 2 for ann\nline 3 for ann\n')
  expect(await response?.headerValue('content-encoding')).toBe('br')
  expect(await sessionCookie(ann.context)).not.toBe(before)
  expect(ann.problems).toEqual([])
})

interface Answer {
  readonly status: number
  readonly body: { readonly at?: string; readonly token?: string; readonly [name: string]: unknown }
}

/** What the app's scripts do. */
function askMe(page: Page): Promise<Answer> {
  return page.evaluate(`(${ask})()`)
}

function askMe20Times(page: Page): Promise<Answer[]> {
  return page.evaluate(`Promise.all(Array.from({ length: 20 }, ${ask}))`)
}

const ask = `async () => {
  const response = await fetch('/me', { headers: { accept: 'application/json' } })
  return { status: response.status, body: await response.json().catch(() => ({})) }
}`

function logOut(page: Page): Promise<unknown> {
  return page.evaluate(`fetch('/logout', { method: 'POST' }).then(response => response.text())`)
}

function countByInstance(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { body } of answers) counts[String(body.at)] = (counts[String(body.at)] ?? 0) + 1
  return counts
}

async function sessionCookie(context: BrowserContext): Promise<string | undefined> {
  return (await context.cookies()).find(({ name }) => name.includes('grantkit-session'))?.value
}

interface Instance {
  readonly child: ChildProcess
  readonly address: string
}

async function startScene(context: TestContext, redisOptions = {}) {
  const redis = await startRedisServer(redisOptions)
  if (redis === undefined) context.skip('needs redis-server')
  const balancer = await startBalancer(certificates().server)
  const redirectUri = `${balancer.origin}/callback`
  const server = await startLoginServer({ redirectUris: [redirectUri] })
  const setting = { issuer: server.issuer, clientId, clientSecret, redirectUri, redisUrl: (redis as RedisServer).url }
  const key = randomBytes(32).toString('base64')
  const instances = new Map<string, Instance>()
  for (const name of ['one', 'two']) instances.set(name, await startInstance({ ...setting, key, name }))
  balancer.instances = [...instances.values()].map(({ address }) => address)
  const { origin } = balancer
  return {
    origin,
    server,
    redis: redis as RedisServer,
    renewals: () => server.tokenRequests.filter(({ grantType }) => grantType === 'refresh_token'),
    only(name: string) {
      balancer.instances = [String(instances.get(name)?.address)]
    },
    async advance(ms: number) {
      for (const { child } of instances.values()) child.send(ms)
      await Promise.all([...instances.values()].map(({ child }) => once(child, 'message')))
    },
    async kill(name: string) {
      const { child } = instances.get(name) as Instance
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
    async logIn(page: Page) {
      await page.goto(`${origin}/login`)
      await logInAs(page, 'ann')
      await agree(page)
      await page.waitForURL(`${origin}/`)
    },
    async [Symbol.asyncDispose]() {
      for (const { child } of instances.values()) child.kill('SIGKILL')
      await balancer[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await redis?.stop()
    },
  } satisfies AsyncDisposable & Record<string, unknown>
}

async function startInstance(setting: object): Promise<Instance> {
  const file = fileURLToPath(new URL('instance.mjs', import.meta.url))
  const child = fork(file, [JSON.stringify(setting)], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [port] = await once(child, 'message')
  return { child, address: `http://127.0.0.1:${port}` }
}
