/** An application's tokens: obtained, reused, renewed, replaced when an API rejects one. */
import assert from 'node:assert/strict'
import { applicationTokens, callApi, callWith, lifetimeOf, responseOf, tokenRequests } from './asking.js'
import type { ProviderCase } from './provider-under-test.js'

export const applicationTokenCases: readonly ProviderCase[] = [
  {
    name: 'obtains a token the API accepts',
    async run(provider) {
      const source = applicationTokens(provider)
      assert.equal((await callWith(provider, source)).answer.status, 200)
    },
  },
  {
    name: 'reuses a token while it is good',
    async run(provider) {
      const source = applicationTokens(provider)
      const first = await source.getTokenSet()
      const second = await source.getTokenSet()
      assert.equal(second.accessToken, first.accessToken)
      assert.equal(tokenRequests(provider).length, 1)
    },
  },
  {
    name: 'renews a token once it has expired',
    async run(provider, setup) {
      const source = applicationTokens(provider)
      const first = await source.getTokenSet()
      provider.advance(lifetimeOf(first, setup) + 1000)
      const { answer } = await callWith(provider, source)
      assert.equal(answer.status, 200)
      assert.notEqual((await source.getTokenSet()).accessToken, first.accessToken)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
  {
    name: 'recognises a token the API rejects, and renews it once',
    async run(provider, { rejectedStatus = 401 }) {
      const source = applicationTokens(provider)
      provider.system.revoke((await source.getTokenSet()).accessToken)
      const { answer, attached } = await callWith(provider, source)
      assert.equal(answer.status, rejectedStatus)
      const headers = await attached.replay(responseOf(answer), true)
      assert.ok(headers, 'the request was not replayed')
      assert.equal((await callApi(provider, headers)).status, 200)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
  {
    name: 'replays a request once, and returns the second 401',
    async run(provider) {
      const source = applicationTokens(provider)
      provider.system.revoke((await source.getTokenSet()).accessToken)
      const { answer, attached } = await callWith(provider, source)
      assert.ok(await attached.replay(responseOf(answer), true))
      assert.equal(await attached.replay(responseOf(answer), true), undefined)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
  {
    name: 'asks for no token when the rejected one was replaced already',
    async run(provider) {
      const source = applicationTokens(provider)
      const { accessToken: rejected } = await source.getTokenSet()
      provider.system.revoke(rejected)
      const fresh = await source.getTokenSet({ rejected })
      const again = await source.getTokenSet({ rejected })
      assert.notEqual(fresh.accessToken, rejected)
      assert.equal(again.accessToken, fresh.accessToken)
      assert.equal(tokenRequests(provider).length, 2)
    },
  },
]
