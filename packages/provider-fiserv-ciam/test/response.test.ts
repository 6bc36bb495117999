/** What CIAM answers (providers.md, 4.1). */
import { clientCredentials, createTokenSource, requestTokenSet } from '@grantkit/core'
import { answering } from '@grantkit/testing'
import { expect, test } from 'vitest'
import { clientOf, startCiam } from './ciam.js'

test('the answer of the documentation is understood', async () => {
  const transport = answering(200, '{ "access_token": "eyJ4.eyJ5.c2ln", "token_type": "Bearer", "expires_in": 7199 }')
  const tokenSet = await requestTokenSet(clientOf(transport), clientCredentials())
  expect(tokenSet.accessToken).toBe('eyJ4.eyJ5.c2ln')
  expect(tokenSet.expiresAt).toBe(tokenSet.obtainedAt + 7_199_000)
  expect(tokenSet).toMatchObject({ refreshToken: undefined, scope: undefined, missingScope: [] })
})

test('a token lives 7199 seconds, and is asked for again afterwards', async () => {
  await using ciam = await startCiam()
  const source = ciam.source()
  await source.getTokenSet()
  ciam.sandbox.advance(7_100_000)
  await source.getTokenSet()
  expect(ciam.tokenRequests()).toHaveLength(1)
  ciam.sandbox.advance(99_000)
  await source.getTokenSet()
  expect(ciam.tokenRequests()).toHaveLength(2)
  expect(ciam.lastTokenRequest().parameters.grant_type).toBe('client_credentials')
})

test('without expires_in the token’s own exp counts, though it has no iat', async () => {
  await using ciam = await startCiam()
  ciam.system.settings.expiresIn = ''
  const { expiresAt = 0, obtainedAt } = await requestTokenSet(ciam.client(), clientCredentials())
  expect(expiresAt - obtainedAt).toBeGreaterThan(7_190_000)
  expect(expiresAt - obtainedAt).toBeLessThanOrEqual(7_200_000)
})

test('the same request is answered for both scopes of one client, each with a token of its own', async () => {
  await using ciam = await startCiam()
  const client = ciam.client()
  const one = createTokenSource({ client, grant: clientCredentials({ scope: 'application.client' }) })
  const other = createTokenSource({ client, grant: clientCredentials({ scope: 'iam.root' }) })
  const [first, second] = [await one.getTokenSet(), await other.getTokenSet()]
  expect(second.accessToken).not.toBe(first.accessToken)
  expect(await one.getTokenSet()).toBe(first)
})
