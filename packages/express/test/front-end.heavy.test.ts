/** A front end in Chromium that calls its own app alone, and never sees a token. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { apiProxy } from '../src/index.js'
import { agree, call, logInAs, type Person, useChromium } from './chromium.js'
import { startWebApp } from './web-app.js'

const newPerson = useChromium()

test('no token reaches the browser, and the API has it', async () => {
  await using api = await startApi()
  await using app = await startWebApp({ mount: express => express.use('/api', apiProxy({ target: api.url })) })
  await using ann = await newPerson()
  const seen = everythingSeenBy(ann)
  await ann.page.goto(`${app.origin}/accounts`)
  await logInAs(ann.page, 'ann')
  await agree(ann.page)

  const read = await call(ann.page, '/api/accounts?of=may')
  const written = await call(ann.page, '/api/accounts', {
    method: 'POST',
    headers: { 'x-csrf': '1' },
    body: 'an account',
  })
  const forged = await call(ann.page, '/api/accounts', { method: 'POST', body: 'an account' })

  expect([read.status, written.status, forged.status]).toEqual([200, 200, 403])
  expect(api.received).toMatchObject([
    { method: 'GET', url: '/v1/accounts?of=may', cookie: undefined, body: '' },
    { method: 'POST', url: '/v1/accounts', cookie: undefined, body: 'an account' },
  ])
  const [token = '', ...others] = new Set(
    api.received.map(({ authorization }) => authorization.replace(/^Bearer /, '')),
  )
  expect(others).toEqual([])
  expect((await app.server.oidc.AccessToken.find(token))?.accountId).toBe('ann')
  const everything = await seen()
  expect(everything).toContain('an account of ann')
  expect(everything).not.toContain(token)
  expect(await ann.page.evaluate('[document.cookie, localStorage.length, sessionStorage.length]')).toEqual(['', 0, 0])
})

/** Gathers what the browser is sent, and sends; called, gives all of it as text, with the cookies it keeps. */
function everythingSeenBy({ context }: Person): () => Promise<string> {
  const seen: Promise<string>[] = []
  context.on('response', response => {
    const body = response.text().catch(() => '') // a redirect has none
    const parts = [response.url(), response.allHeaders(), response.request().allHeaders(), body]
    seen.push(Promise.all(parts).then(all => JSON.stringify(all)))
  })
  return async () => [...(await Promise.all(seen)), JSON.stringify(await context.cookies())].join('\n')
}

/** An API that tells what it was sent. */
async function startApi() {
  const received: { method: string; url: string; authorization: string; cookie: string | undefined; body: string }[] =
    []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { method = '', url = '', headers } = request
    received.push({ method, url, authorization: headers.authorization ?? '', cookie: headers.cookie, body })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"accounts":["an account of ann"]}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
