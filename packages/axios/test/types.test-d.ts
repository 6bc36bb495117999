/** What users of axios write: `npm run typecheck` compiles this, nothing runs it. */
import type { ManagedTokenSource, UserTokenSources } from '@grantkit/core'
import axios, { type InternalAxiosRequestConfig } from 'axios'
import { expectTypeOf } from 'vitest'
import { attachTokenSource } from '../src/index.js'

declare const source: ManagedTokenSource
declare const users: UserTokenSources

const bank = axios.create()
expectTypeOf(attachTokenSource(bank, source)).toEqualTypeOf<() => void>()
attachTokenSource(axios, source, { origins: ['https://api.example'], otherOrigins: 'pass-through' })

// a function that chooses gets axios's own config
attachTokenSource(bank, config => {
  expectTypeOf(config).toEqualTypeOf<InternalAxiosRequestConfig>()
  return users.for(String(config.headers.get('x-user')))
})
attachTokenSource(bank, async ({ url }) => (url === '/' ? source : users.for('alice')))

// @ts-expect-error the instance comes first
attachTokenSource(source, bank)
// @ts-expect-error the tokens of one user are a source, those of all are none
attachTokenSource(bank, users)
// @ts-expect-error a list
attachTokenSource(bank, source, { origins: 'https://api.example' })
// @ts-expect-error a misspelt option
attachTokenSource(bank, source, { origin: ['https://api.example'] })
// @ts-expect-error a function returns a source
attachTokenSource(bank, () => 'token')
