/** What `docs/express.md` tells users to write in their tests: a login at the sandbox by three requests. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startSandbox } from '@grantkit/sandbox'
import { Agent, type Dispatcher, request } from 'undici'
import { expect, test } from 'vitest'
import { clientOf, startApp, versions } from './app.js'

const cookiesOf = ({ headers }: Dispatcher.ResponseData) =>
  [headers['set-cookie'] ?? []]
    .flat()
    .map(cookie => cookie.split(';', 1)[0])
    .join('; ')

test.each(versions)('an app under test logs in by three requests, in %s', async (_, express) => {
  const sandbox = await startSandbox()
  try {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const redirectUri = `${origin}/callback`
    sandbox.openid.redirectUris.push(redirectUri)
    await using _app = await startApp(express, { client: await clientOf(sandbox), redirectUri, server })

    const dispatcher = new Agent({ connect: { ca: sandbox.ca } })
    const begun = await request(`${origin}/login`)
    const answer = await request(String(begun.headers.location), { dispatcher })
    const finished = await request(String(answer.headers.location), { headers: { cookie: cookiesOf(begun) } })
    const me = await request(`${origin}/me`, { headers: { cookie: cookiesOf(finished) } })

    expect(await me.body.json()).toEqual({ sub: 'alice' })
    await dispatcher.destroy()
  } finally {
    await sandbox.stop()
  }
})
