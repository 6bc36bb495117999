/** Users' tokens: renewed by a refresh token where there are any, and what is said where there is none, or a dead one. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { createUserTokenSources, LoginRequiredError, refreshToken } from '@grantkit/core'
import { rejection } from '../answering.js'
import { applicationTokens, assertShowsNothing, callApi, lifetimeOf, tokenRequests } from './asking.js'
import type { ProviderCase, ProviderUnderTest } from './provider-under-test.js'

export const withRefreshTokens: readonly ProviderCase[] = [
  {
    name: "renews a user's token by the refresh token",
    async run(provider, setup) {
      const { source, first } = await loggedIn(provider)
      provider.advance(lifetimeOf(first, setup) + 1000)
      const second = await source.getTokenSet()
      assert.notEqual(second.accessToken, first.accessToken)
      const [, refresh] = tokenRequests(provider)
      const { grant_type: grantType = 'refresh_token', ...parameters } = refresh?.parameters ?? {}
      assert.equal(grantType, 'refresh_token')
      // by its value, whatever the server calls it
      assert.ok(Object.values(parameters).includes(first.refreshToken ?? ''), 'the refresh token was not sent')
      assert.equal((await callApi(provider, bearer(second.accessToken))).status, 200)
    },
  },
  {
    name: 'asks for a login when the refresh token is dead',
    async run(provider, setup) {
      const { source, first } = await loggedIn(provider)
      provider.system.revoke(first.refreshToken ?? '')
      provider.advance(lifetimeOf(first, setup) + 1000)
      const error = await rejection(source.getTokenSet())
      assert.ok(error instanceof LoginRequiredError, inspect(error))
      assert.equal(error.subject, 'the user')
      assertShowsNothing(error, [...provider.secrets, first.accessToken, first.refreshToken ?? ''])
      await assert.rejects(source.getTokenSet(), LoginRequiredError)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
]

export const withoutRefreshTokens: readonly ProviderCase[] = [
  {
    name: 'has no refresh tokens, and refuses the grant before sending it',
    async run(provider) {
      const { client } = provider
      const tokenSet = await applicationTokens(provider).getTokenSet()
      assert.equal(tokenSet.refreshToken, undefined)
      assert.equal(client.provider.metadata.grant_types_supported?.includes('refresh_token'), false)
      const error = await rejection(
        createUserTokenSources({ client })
          .for('the user')
          .redeem(refreshToken({ refreshToken: 'there-is-none' })),
      )
      assert.ok(error instanceof TypeError, inspect(error))
      assert.equal((error as TypeError & { option?: string }).option, 'grant')
      assert.equal(tokenRequests(provider).length, 1)
    },
  },
]

async function loggedIn({ client, logIn }: ProviderUnderTest) {
  assert.ok(logIn, 'logIn is needed; a provider without refresh tokens sets refreshTokens to false')
  const source = createUserTokenSources({ client }).for('the user')
  const first = await source.redeem(logIn())
  assert.ok(first.refreshToken, 'the server sent no refresh token')
  return { source, first }
}

function bearer(accessToken: string): Record<string, string> {
  return { authorization: `Bearer ${accessToken}` }
}
