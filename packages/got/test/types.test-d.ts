/** What users of got write: `npm run typecheck` compiles this, nothing runs it. */
import type { ManagedTokenSource, UserTokenSources } from '@grantkit/core'
import got, { type Got, type Options } from 'got'
import { expectTypeOf } from 'vitest'
import { tokenHooks } from '../src/index.js'

declare const source: ManagedTokenSource
declare const users: UserTokenSources

const bank = got.extend(tokenHooks(source, { origins: ['https://api.example'] }))
expectTypeOf(bank).toExtend<Got>()
// the instance is got's as before
expectTypeOf(bank('https://api.example').json<{ accounts: number }>()).toExtend<Promise<{ accounts: number }>>()

// a function that chooses gets got's own options
tokenHooks(options => {
  expectTypeOf(options).toEqualTypeOf<Options>()
  return users.for(String(options.headers['x-user']))
})

// @ts-expect-error the hooks are handed to got.extend()
tokenHooks(got, source)
// @ts-expect-error the tokens of one user are a source, those of all are none
tokenHooks(users)
// @ts-expect-error a list
tokenHooks(source, { origins: 'https://api.example' })
// @ts-expect-error got's own option stands beside ours, in extend()
tokenHooks(source, { retry: { limit: 0 } })
