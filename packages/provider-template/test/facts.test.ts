/** What is known of Template, fact by fact. */
import { clientCredentials, createTokenSource, requestTokenSet } from '@grantkit/core'
import { attach, parseOrigins } from '@grantkit/core/kit'
import { answering, rejection } from '@grantkit/testing'
import { expect, test } from 'vitest'
import { appKey, startLocalServer } from './local-server.js'

test('a request is JSON with names of its own, and nothing else', async () => {
  await using server = await startLocalServer()
  await requestTokenSet(server.client(), clientCredentials())
  const [{ headers, parameters } = {}] = server.requests
  expect(headers).toMatchObject({ 'content-type': 'application/json' })
  expect(parameters).toEqual({ grantType: 'client_credentials', appId: 'my-app', appKey })
})

test('the lifetime is in minutes', async () => {
  await using server = await startLocalServer()
  const { expiresAt, obtainedAt } = await requestTokenSet(server.client(), clientCredentials())
  expect(expiresAt).toBe(obtainedAt + 3_600_000)
})

test('LOCKED is worth another try', async () => {
  await using server = await startLocalServer()
  const client = server.client({ transport: answering(400, '{"code":"LOCKED","message":"Try again in a minute"}') })
  expect(await rejection(requestTokenSet(client, clientCredentials()))).toMatchObject({ kind: 'transient' })
})

test('a 401 of an API is about the token only if it says so', async () => {
  await using server = await startLocalServer()
  const source = createTokenSource({ client: server.client(), grant: clientCredentials() })
  const request = { method: 'GET', url: server.apiUrl }
  const { replay } = await attach(source, parseOrigins([new URL(server.apiUrl).origin]), request)
  const says = (code: string) => ({ status: 401, wwwAuthenticate: undefined, body: async () => `{"code":"${code}"}` })
  expect(await replay(says('ADDRESS_NOT_ALLOWED'), true)).toBeUndefined()
  expect(await replay(says('TOKEN_EXPIRED'), true)).toMatchObject({ authorization: expect.stringMatching(/^Bearer /) })
})
