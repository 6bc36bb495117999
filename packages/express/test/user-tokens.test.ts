/** The user's token source of a request, given to the HTTP clients that apps use: also after a 401 that renews. */
import { attachTokenSource } from '@grantkit/axios'
import type { TokenSource } from '@grantkit/core'
import { tokenHooks } from '@grantkit/got'
import { startSandbox } from '@grantkit/sandbox'
import { fetchWithTokens, withTokens } from '@grantkit/undici'
import axios, { type InternalAxiosRequestConfig } from 'axios'
import got from 'got'
import { Agent, fetch as undiciFetch, request as undiciRequest } from 'undici'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { grantkit, type User } from '../src/index.js'
import { clientOf, key, origin, startApp, versions } from './app.js'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.stop())

declare module 'axios' {
  interface AxiosRequestConfig {
    /** Whose call it is. */
    tokenSource?: TokenSource
  }
}

/** Each calls the API for a user, as a handler would, with what an app makes once. */
const clients: Readonly<Record<string, () => (user: User) => Promise<unknown>>> = {
  'axios, one instance for all users'() {
    const api = axios.create({ baseURL: sandbox.openid.apiUrl })
    const sourceOf = ({ tokenSource }: InternalAxiosRequestConfig) => tokenSource as TokenSource
    attachTokenSource(api, sourceOf, { tls: { ca: sandbox.ca }, origins: [sandbox.openid.apiOrigin] })
    return async ({ tokenSource }) => (await api.get('', { tokenSource })).data.for
  },
  'got, one instance for all users'() {
    const sourceOf = ({ context }: { context: Record<string, unknown> }) => context.tokenSource as TokenSource
    const api = got.extend(tokenHooks(sourceOf, { tls: { ca: sandbox.ca }, origins: [sandbox.openid.apiOrigin] }))
    return async ({ tokenSource }) =>
      (await api.get(sandbox.openid.apiUrl, { context: { tokenSource } }).json<{ for: string }>()).for
  },
  'undici, with the user’s source'() {
    const agent = agentOf()
    return async ({ tokenSource }) => {
      const dispatcher = withTokens(agent, tokenSource)
      const { body } = await undiciRequest(sandbox.openid.apiUrl, { dispatcher })
      return ((await body.json()) as { for: string }).for
    }
  },
  'fetch, with the user’s source'() {
    const dispatcher = agentOf()
    return async ({ tokenSource }) => {
      const api = fetchWithTokens(undiciFetch, tokenSource)
      const response = await api(sandbox.openid.apiUrl, { dispatcher })
      return ((await response.json()) as { for: string }).for
    }
  },
  'headersFor(), for anything else'() {
    const dispatcher = agentOf()
    return async ({ tokenSource }) => {
      const ask = async () => {
        const headers = await tokenSource.headersFor('GET', sandbox.openid.apiUrl)
        return { headers, response: await undiciFetch(sandbox.openid.apiUrl, { dispatcher, headers }) }
      }
      const { headers, response } = await ask()
      if (response.status !== 401) return ((await response.json()) as { for: string }).for
      await tokenSource.getTokenSet({ rejected: headers.authorization?.replace('Bearer ', '') })
      return ((await (await ask()).response.json()) as { for: string }).for
    }
  },
}

function agentOf(): Agent {
  const agent = new Agent({ connect: { ca: sandbox.ca } })
  onTestFinished(() => agent.destroy())
  return agent
}

describe.each(versions)('%s', (_, express) => {
  describe.each(Object.entries(clients))('%s', (_name, make) => {
    test('calls an API for the user of the request, and renews a token that the API rejects', async () => {
      const call = make()
      await using app = await startApp(express, {
        client: await clientOf(sandbox),
        origins: [sandbox.openid.apiOrigin],
        mount(app, middleware) {
          app.use(middleware)
          app.get('/for', ({ grantkit: { user } }, response, next) => {
            if (user === undefined) return next()
            call(user).then(name => response.json(name), next)
          })
        },
      })
      const [ann, bob] = [app.browser(), app.browser()]
      for (const [browser, subject] of [
        [ann, 'ann'],
        [bob, 'bob'],
      ] as const) {
        sandbox.openid.settings.subject = subject
        await browser.open(`${origin}/login`)
      }
      const ask = () => Promise.all([ann, bob].map(async browser => (await browser.open(`${origin}/for`)).text))

      expect(await ask()).toEqual(['"ann"', '"bob"'])
      for (const { token } of sandbox.openid.issuedTokens) sandbox.openid.revoke(token)
      expect(await ask()).toEqual(['"ann"', '"bob"'])
      expect(app.errors).toEqual([])
    })
  })
})

test('a handler may answer with the user, who is shown without the token source', async () => {
  await using app = await startApp(versions[1][1], {
    client: await clientOf(sandbox),
    mount(app, middleware) {
      app.use(middleware)
      app.get('/user', ({ grantkit: { user } }, response) => void response.json(user))
    },
  })
  const browser = app.browser()
  await browser.open(`${origin}/login`)

  const { claims, ...rest } = JSON.parse((await browser.open(`${origin}/user`)).text)

  expect(claims).toMatchObject({ sub: sandbox.openid.settings.subject })
  expect(rest).toEqual({ scope: 'openid accounts', loggedInAt: expect.any(Number) })
})

test('without a store the one token there is goes to the origins that are named, and to no other', async () => {
  const seen: unknown[] = []
  await using app = await startApp(versions[1][1], {
    client: await clientOf(sandbox),
    origins: [sandbox.openid.apiOrigin],
    session: { tokensIn: 'cookie' },
    mount(app, middleware) {
      app.use(middleware)
      app.get('/for', async ({ grantkit: { user } }, response) => {
        seen.push(await user?.tokenSource.headersFor('GET', sandbox.openid.apiUrl))
        seen.push(await user?.tokenSource.headersFor('GET', 'https://evil.example/').catch(error => error.code))
        response.end()
      })
    },
  })
  const browser = app.browser()
  await browser.open(`${origin}/login`)

  await browser.open(`${origin}/for`)

  expect(seen).toEqual([{ authorization: expect.stringMatching(/^Bearer ./) }, 'ERR_ORIGIN'])
})

test('refuses origins that are none at once', async () => {
  const client = await clientOf(sandbox)

  expect(() => grantkit({ client, redirectUri: `${origin}/callback`, keys: [key], origins: ['api.example'] })).toThrow(
    expect.objectContaining({ name: 'TypeError', option: 'origins' }),
  )
})
