/** The page that posts a fragment: what it may do, and what it leaves behind. */
import { createHash } from 'node:crypto'
import { runInNewContext } from 'node:vm'
import { type Sandbox, startSandbox } from '@grantkit/sandbox'
import express from 'express'
import helmet from 'helmet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, redirectUri, startApp } from './app.js'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

async function pageBehind(...before: express.RequestHandler[]) {
  await using app = await startApp(express, {
    client: await clientOf(sandbox),
    mount: (app, middleware) => app.use(...before, middleware),
  })
  return await app.browser().send(redirectUri)
}

const scriptIn = (html: string) => /<script>([\s\S]*)<\/script>/.exec(html)?.[1] ?? ''

test.each([
  ['alone', []],
  ['behind helmet', [helmet()]],
])('runs its one script, sends to this app alone, and is kept nowhere: %s', async (_, before) => {
  const { headers, text, status } = await pageBehind(...before)

  const hash = createHash('sha256').update(scriptIn(text)).digest('base64')
  expect(status).toBe(200)
  expect(headers.get('content-security-policy')).toBe(
    `default-src 'none'; script-src 'sha256-${hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  )
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('referrer-policy')).toBe('no-referrer')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.getSetCookie()).toEqual([])
  expect(text).not.toMatch(/ on\w+=| style=|<(?:link|img|iframe)/)
})

test('takes the answer out of the address and the history before it posts it', async () => {
  const { text } = await pageBehind()
  const done: unknown[] = []
  const field = { value: '' }
  const location = { pathname: '/callback', search: '?tenant=1', hash: '#code=1&state=2' }
  runInNewContext(scriptIn(text), {
    location,
    history: { replaceState: (...asked: unknown[]) => done.push(asked) },
    document: { forms: [{ elements: { fragment: field }, submit: () => done.push(field.value) }] },
  })
  expect(done).toEqual([[null, '', '/callback?tenant=1'], 'code=1&state=2'])
})
