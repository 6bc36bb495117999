import { expect, test } from 'vitest'
import { type GetTokenSetOptions, TokenSet, type TokenSource } from '../src/index.js'
import { attach, parseOrigins } from '../src/kit.js'
import { start } from './scripted-server.js'

const origins = parseOrigins(['https://api.example'])
const get = { method: 'GET', url: 'https://api.example/accounts' }
const unauthorized = { status: 401, wwwAuthenticate: 'Bearer error="invalid_token"', body: async () => '' }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

test('a token source of one’s own, without a client, works', async () => {
  const asked: (GetTokenSetOptions | undefined)[] = []
  const source: TokenSource = {
    async getTokenSet(options) {
      asked.push(options)
      return new TokenSet({ accessToken: `own-${asked.length}`, obtainedAt: start })
    },
  }
  const attached = await attach(source, origins, get)
  expect(attached.headers).toEqual(bearer('own-1'))
  expect(await attached.replay(unauthorized, true)).toEqual(bearer('own-2'))
  expect(await attached.replay(unauthorized, true)).toBeUndefined()
  expect(asked).toEqual([undefined, { rejected: 'own-1', signal: undefined }])
})

test('a token source needs nothing but a function', async () => {
  const tokenSet = new TokenSet({ accessToken: 'fixed', obtainedAt: start })
  const source: TokenSource = { getTokenSet: async () => tokenSet }
  const attached = await attach(source, origins, get)
  expect(attached.headers).toEqual(bearer('fixed'))
  // it has no other token, so there is nothing to send the request again with
  expect(await attached.replay(unauthorized, true)).toBeUndefined()
})
