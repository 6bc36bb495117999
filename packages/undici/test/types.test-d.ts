/** What users of undici and fetch write: `npm run typecheck` compiles this, nothing runs it. */
import type { ManagedTokenSource, UserTokenSources } from '@grantkit/core'
import { Agent, type Dispatcher, interceptors, fetch as undiciFetch } from 'undici'
import { expectTypeOf } from 'vitest'
import { type FetchRequest, fetchWithTokens, tokenInterceptor, withTokens } from '../src/index.js'

declare const source: ManagedTokenSource
declare const users: UserTokenSources

// a fetch keeps its signature, whichever it is
expectTypeOf(fetchWithTokens(fetch, source)).toEqualTypeOf<typeof fetch>()
expectTypeOf(fetchWithTokens(undiciFetch, source)).toEqualTypeOf<typeof undiciFetch>()
expectTypeOf(fetchWithTokens((path: string) => fetch(path), source)).toEqualTypeOf<
  (path: string) => Promise<Response>
>()

// a function that chooses gets the request in parts
fetchWithTokens(fetch, request => {
  expectTypeOf(request).toEqualTypeOf<FetchRequest>()
  return users.for(request.headers.get('x-user') ?? '')
})
// several sources, each with its options
fetchWithTokens(fetch, [
  { source, origins: ['https://api.example'] },
  { source: () => users.for('alice'), origins: ['https://other.example'], otherOrigins: 'pass-through' },
])

// a dispatcher is composed as undici composes
expectTypeOf(new Agent().compose(tokenInterceptor(source))).toExtend<Dispatcher>()
expectTypeOf(withTokens(new Agent(), source, { redirect: interceptors.redirect() })).toExtend<Dispatcher>()

// @ts-expect-error the fetch comes first
fetchWithTokens(source, fetch)
// @ts-expect-error the tokens of one user are a source, those of all are none
fetchWithTokens(fetch, users)
// @ts-expect-error each of several says where its tokens go: with itself
fetchWithTokens(fetch, [source, source])
// @ts-expect-error a function returns a source
tokenInterceptor(() => 'token')
