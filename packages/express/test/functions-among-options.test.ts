/** What the functions among the options do wrong is an error that names them: it opens no guard, and leads in no circle. */
import { runInNewContext } from 'node:vm'
import { memoryStore } from '@grantkit/core'
import { type Sandbox, startSandbox } from '@grantkit/sandbox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tokenErrors } from '../src/index.js'
import { type AppOptions, clientOf, origin, startApp as start, versions } from './app.js'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

describe.each(versions)('%s', (_, express) => {
  const startApp = async (options: Partial<AppOptions>) =>
    start(express, { client: await clientOf(sandbox), ...options })

  test.each([undefined, null, '', 0, false, 'route', 'router'])(
    'an authorization() that throws %j opens no guard',
    async thrown => {
      const authorization = () => Promise.reject(thrown)
      await using plain = await startApp({ authorization })
      await using answered = await startApp({ authorization, last: tokenErrors() })

      for (const app of [plain, answered]) {
        const page = await app.browser().open(`${origin}/secret`)
        expect([page.status, page.text]).toEqual([500, expect.not.stringContaining('secret')])
        expect(app.errors).toEqual([expect.objectContaining({ cause: thrown })])
      }
    },
  )

  test('an error of another realm, as those of Node are in Jest, is handed on as it is', async () => {
    const thrown: unknown = runInNewContext('new Error("ECONNREFUSED")')
    await using app = await startApp({ authorization: () => Promise.reject(thrown), last: tokenErrors() })

    await app.browser().open(`${origin}/login`)

    expect(app.errors).toHaveLength(1)
    expect(app.errors[0]).toBe(thrown)
  })

  test.each([undefined, null, 'openid', 5, ['openid']])(
    'an authorization() that returns %j is named',
    async returned => {
      await using app = await startApp({ authorization: (async () => returned) as never })

      expect((await app.browser().open(`${origin}/login`)).status).toBe(500)

      expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_OPTION', option: 'authorization' })])
    },
  )
})

const circle: Record<string, unknown> = {}
circle.circle = circle
const noClaims: readonly [string, unknown][] = [
  ['null', null],
  ['a text', 'alice'],
  ['true', true],
  ['a list', ['alice']],
  ['a date', new Date(0)],
  ['a function', () => ({ sub: 'alice' })],
  ['an object that holds itself', circle],
  ['what JSON cannot hold', { balance: 1n }],
]
test.each(noClaims)('an onLogin() that returns %s is named, and its tokens are forgotten', async (_, returned) => {
  const [, [, express]] = versions
  const kept = new Set<string>()
  const inner = memoryStore()
  const store: AppOptions['store'] = {
    ...inner,
    compareAndSet: (key, ...given) => {
      kept.add(key)
      return inner.compareAndSet(key, ...given)
    },
  }
  await using app = await start(express, {
    client: await clientOf(sandbox),
    store,
    onLogin: (() => returned) as never,
  })
  const browser = app.browser()

  const page = await browser.open(`${origin}/login?returnTo=/secret`)

  expect([page.status, browser.cookies()]).toEqual([500, []])
  expect(app.errors).toEqual([expect.objectContaining({ code: 'ERR_OPTION', option: 'onLogin' })])
  const left = (await Promise.all([...kept].map(key => inner.get(key)))).filter(record => record !== undefined)
  expect(left.map(({ value }) => value)).toEqual(['used', expect.stringContaining('"ended":"forgotten"')])
})
