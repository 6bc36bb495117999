/** What a server's refusals and failures are taken for, and what of them is shown. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { AuthorizationServerError, TokenResponseError } from '@grantkit/core'
import { rejection } from '../answering.js'
import { applicationTokens, assertShowsNothing, callWith, tokenRequests } from './asking.js'
import type { ProviderCase } from './provider-under-test.js'

export const failureCases: readonly ProviderCase[] = [
  {
    name: 'takes refused credentials for final, and shows none of them',
    async run(provider, { refusedStatus = 401 }) {
      const source = applicationTokens(provider, provider.clientWithWrongCredentials)
      const error = await rejection(source.getTokenSet())
      assert.ok(error instanceof AuthorizationServerError, inspect(error))
      assert.equal(error.serverStatus, refusedStatus)
      assert.ok(['invalid_client', 'terminal'].includes(error.kind), error.kind)
      assert.equal(error.retryable, false)
      assertShowsNothing(error, provider.secrets)
      assert.equal(tokenRequests(provider).length, 1)
    },
  },
  {
    name: 'takes a 503 for transient, and works again after it',
    async run(provider) {
      provider.system.fail({ kind: 'status', status: 503 })
      const source = applicationTokens(provider)
      const error = await rejection(source.getTokenSet())
      assert.ok(error instanceof AuthorizationServerError, inspect(error))
      assert.equal(error.kind, 'transient')
      assert.equal(error.retryable, true)
      provider.advance(60_000)
      assert.equal((await callWith(provider, source)).answer.status, 200)
    },
  },
  {
    name: 'honours Retry-After of a 429',
    async run(provider) {
      provider.system.fail({ kind: 'status', status: 429, headers: { 'retry-after': '120' } })
      const source = applicationTokens(provider)
      const error = await rejection(source.getTokenSet())
      assert.ok(error instanceof AuthorizationServerError, inspect(error))
      assert.equal(error.retryAfterMs, 120_000)
      provider.advance(110_000)
      assert.equal(await rejection(source.getTokenSet()), error)
      assert.equal(tokenRequests(provider).length, 1)
      provider.advance(11_000)
      assert.equal((await callWith(provider, source)).answer.status, 200)
    },
  },
  {
    name: 'refuses an answer that is no token response, and shows none of it',
    async run(provider) {
      provider.system.fail({
        kind: 'status',
        status: 200,
        headers: { 'content-type': 'text/html' },
        body: '<h1>garbage-body</h1>',
      })
      const error = await rejection(applicationTokens(provider).getTokenSet())
      assert.ok(error instanceof TokenResponseError, inspect(error))
      assertShowsNothing(error, [...provider.secrets, 'garbage-body'])
    },
  },
]
