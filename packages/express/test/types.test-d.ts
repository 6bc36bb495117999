/** What users of Express 4 and of Express 5 write: `npm run typecheck` compiles this, nothing runs it. */
import { attachTokenSource } from '@grantkit/axios'
import type { Client, SealingKey, TokenSource } from '@grantkit/core'
import { tokenHooks } from '@grantkit/got'
import { fetchWithTokens, withTokens } from '@grantkit/undici'
import axios from 'axios'
import express5, { type Request as Request5, type Response as Response5, Router as Router5 } from 'express'
import express4, { type Request as Request4, type Response as Response4, Router as Router4 } from 'express-4'
import got from 'got'
import { Agent } from 'undici'
import { expectTypeOf } from 'vitest'
import {
  type ErrorMiddleware,
  grantkit,
  type Middleware,
  type Problem,
  type RequestGrantKit,
  requireLogin,
  requireScope,
  tokenErrors,
  type User,
  userOf,
} from '../src/index.js'

declare const client: Client
declare const keys: readonly SealingKey[]

const login = grantkit({ client, redirectUri: 'https://app.example/callback', keys })
expectTypeOf(login).toExtend<Middleware>()
expectTypeOf(login.close).returns.toEqualTypeOf<Promise<void>>()
expectTypeOf(tokenErrors()).toEqualTypeOf<ErrorMiddleware>()

// Express 5
const app5 = express5()
app5.use(login)
app5.use('/accounts', requireLogin(), requireScope('accounts'))
app5.get('/payments/:id', requireLogin({ acrValues: 'urn:sca', maxAgeSeconds: 300 }), async (request, response) => {
  expectTypeOf(request.grantkit).toEqualTypeOf<RequestGrantKit>()
  expectTypeOf(request.params.id).toEqualTypeOf<string>()
  expectTypeOf(userOf(request)).toEqualTypeOf<User>()
  if (request.grantkit.user === undefined) return request.grantkit.login({ returnTo: '/', scope: ['accounts'] })
  expectTypeOf(request.grantkit.user).toEqualTypeOf<User>()
  response.json({ id: request.params.id })
})
Router5().use(requireScope('accounts', 'payments')).use(tokenErrors())
app5.use(
  tokenErrors({ page: (problem, _request: Request5, response: Response5) => response.render('problem', problem) }),
)
app5.use(tokenErrors())

// Express 4
const app4 = express4()
app4.use(login)
app4.use('/accounts', requireLogin(), requireScope('accounts'))
app4.get('/payments/:id', requireLogin({ acrValues: ['urn:sca'] }), (request, response, next) => {
  expectTypeOf(request.grantkit).toEqualTypeOf<RequestGrantKit>()
  expectTypeOf(request.params.id).toEqualTypeOf<string>()
  expectTypeOf(userOf(request)).toEqualTypeOf<User>()
  request.grantkit.loginUrl({ acrValues: 'urn:sca', maxAgeSeconds: 60 }).then(url => response.json({ url }), next)
})
Router4().use(requireScope('accounts')).use(tokenErrors())
app4.use(
  tokenErrors({ page: (problem, _request: Request4, response: Response4) => response.render('problem', problem) }),
)
app4.use(tokenErrors())

// a page that is text, and one that takes its time
tokenErrors({
  page(problem) {
    expectTypeOf(problem).toEqualTypeOf<Problem>()
    return `<h1>${problem.title}</h1>`
  },
})
tokenErrors({ page: async ({ loginUrl }) => loginUrl ?? '' })

// claims are those of an ID token, none of which has to be there
declare const user: User
expectTypeOf(user.claims.sub).toEqualTypeOf<string | undefined>()
expectTypeOf(user.claims.auth_time).toEqualTypeOf<number | undefined>()
expectTypeOf(user.claims.email).toEqualTypeOf<unknown>()
expectTypeOf(user.scope).toEqualTypeOf<string | undefined>()
expectTypeOf(user.loggedInAt).toEqualTypeOf<number>()

// the user's tokens go to any client
const origins = ['https://api.example']
attachTokenSource(axios.create(), user.tokenSource, { origins })
got.extend(tokenHooks(user.tokenSource, { origins }))
withTokens(new Agent(), user.tokenSource, { origins })
fetchWithTokens(fetch, user.tokenSource, { origins })
expectTypeOf(user.tokenSource).toExtend<TokenSource>()

// @ts-expect-error a scope is named
requireScope()
// @ts-expect-error one by one, or in one text
requireScope(['accounts'])
// @ts-expect-error a scope is no matter of a login alone
requireLogin({ scope: 'accounts' })
// @ts-expect-error in seconds
requireLogin({ maxAgeMs: 300_000 })
// @ts-expect-error a function
tokenErrors({ page: '<p>' })
// @ts-expect-error nobody may be logged in
user.claims.sub.length
// @ts-expect-error it is there to be read
user.scope = 'payments'
// @ts-expect-error where the server sends the browser back to
grantkit({ client, keys })
