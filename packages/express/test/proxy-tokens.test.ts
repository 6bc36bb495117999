/** The token of a call: renewed, bound to a key or a certificate, and the call sent once more as core decides. */
import { clientCertificate, dpopKey } from '@grantkit/core'
import { startSandbox } from '@grantkit/sandbox'
import type express5 from 'express'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ApiProxyOptions, apiProxy } from '../src/index.js'
import { clientOf, origin, startApp, versions } from './app.js'
import { Proxied, tokensInTurn } from './proxied.js'

/** Says of the first token that it is no good any more. */
function api() {
  return (
    request: { headers: { authorization?: string | undefined } },
    response: import('node:http').ServerResponse,
  ) => {
    const isDead = request.headers.authorization === 'Bearer token-1'
    if (isDead) response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' })
    response.end(isDead ? 'x'.repeat(100_000) : 'fine')
  }
}

describe.each(versions)('%s', (_, express) => {
  test.each([
    ['GET', undefined],
    ['POST', 'a body'],
    ['PUT', 'x'.repeat(65_536)],
  ])('sends a %s once more with a new token', async (method, body) => {
    const user = tokensInTurn()
    await using app = await Proxied.start({ express, user, api: api() })

    const { status, text } = await app.call('/api/a', { method, ...(body !== undefined && { body }) })

    expect({ status, text }).toEqual({ status: 200, text: 'fine' })
    expect(app.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2'])
    expect(app.received.map(({ body }) => body)).toEqual([body ?? '', body ?? ''])
  })

  test.each([
    ['is longer than is held', { body: 'x'.repeat(65_537) }],
    ['does not say its length', { body: 'a body', headers: { 'transfer-encoding': 'chunked' } }],
  ])(
    'hands the refusal of a body that %s back as it came, and has a new token for the next call',
    async (_name, call) => {
      const user = tokensInTurn()
      await using app = await Proxied.start({ express, user, api: api() })

      const first = await app.call('/api/', { method: 'POST', ...call })
      const next = await app.call('/api/')

      expect([first.status, first.text]).toEqual([401, 'x'.repeat(100_000)])
      expect(next.status).toBe(200)
      expect(app.received).toHaveLength(2)
      expect(user.asked()).toBe(2)
    },
  )

  test('holds no body where it is told to', async () => {
    await using app = await Proxied.start({ express, api: api(), maxReplayBytes: 0 })

    expect((await app.call('/api/', { method: 'POST', body: 'x' })).status).toBe(401)
    expect(app.received).toHaveLength(1)
  })

  test('sends a call twice at most', async () => {
    await using app = await Proxied.start({
      express,
      api: (_request, response) =>
        void response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end(),
    })

    expect((await app.call('/api/')).status).toBe(401)
    expect(app.received).toHaveLength(2)
  })

  /** A sandbox, and an app with a login there and a proxy to its API. */
  async function started(
    setting: (sandbox: Awaited<ReturnType<typeof startSandbox>>) => {
      client?: Parameters<typeof clientOf>[1]
      proxy?: Partial<ApiProxyOptions>
    },
  ) {
    const sandbox = await startSandbox()
    onTestFinished(() => sandbox.stop())
    const { client, proxy } = setting(sandbox)
    const target = sandbox.openid.apiOrigin
    const app = await startApp(express as typeof express5, {
      client: await clientOf(sandbox, client),
      mount(app, middleware) {
        app.use(middleware)
        app.use('/api', apiProxy({ target, tls: { ca: sandbox.ca }, ...proxy }))
      },
    })
    onTestFinished(() => app[Symbol.asyncDispose]())
    const browser = app.browser()
    await browser.open(`${origin}/login`)
    return { sandbox, app, browser }
  }

  test('calls the API for who has logged in, after its token was revoked too, and nobody after the logout', async () => {
    const { sandbox, app, browser } = await started(() => ({}))
    const call = () => browser.send(`${origin}/api/accounts`, { headers: { 'sec-fetch-mode': 'cors' } })

    expect((await call()).status).toBe(200)
    for (const { token } of sandbox.openid.issuedTokens) sandbox.openid.revoke(token)
    const again = await call()
    expect([again.status, JSON.parse(again.text).for]).toEqual([200, 'alice'])
    expect(app.errors).toEqual([])

    await browser.open(`${origin}/logout`)
    await call()
    expect(app.errors).toMatchObject([{ code: 'ERR_LOGIN_REQUIRED' }])
  })

  test('takes calls that change something from the app’s origin alone', async () => {
    const { app, browser } = await started(() => ({}))
    const post = (from: string) =>
      browser.send(`${origin}/api/accounts`, { method: 'POST', headers: { 'x-csrf': '1', origin: from }, body: '{}' })

    await post('https://evil.example')
    expect(app.errors).toMatchObject([{ code: 'ERR_PROXY_CSRF', status: 403 }])
    await post(origin)
    expect(app.errors).toHaveLength(1)
  })

  test('proves a token that is bound to a key, with the nonce that the API wants', async () => {
    const { app, browser } = await started(({ openid }) => {
      Object.assign(openid.settings, { senderConstrained: 'dpop', dpopNonces: true })
      return { client: { dpop: dpopKey() } }
    })

    const { status, text } = await browser.send(`${origin}/api/accounts?of=alice`)

    expect(app.errors).toEqual([])
    expect([status, JSON.parse(text).for]).toEqual([200, 'alice'])
  })

  test('shows the certificate that a token is bound to', async () => {
    const { app, browser } = await started(({ ca, openid }) => {
      Object.assign(openid.settings, { senderConstrained: 'certificate' })
      const tls = { ca, certificate: clientCertificate(openid.certificate) }
      return { client: { tls }, proxy: { tls } }
    })

    const { status } = await browser.send(`${origin}/api/accounts`)

    expect(app.errors).toEqual([])
    expect(status).toBe(200)
  })
})
