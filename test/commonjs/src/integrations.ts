/** For the compiler: types of packages that integrate a library fit the library. Every package is imported by its side. */
import { attachTokenSource } from '@grantkit/axios'
import type { TokenSet, TokenSource } from '@grantkit/core'
import { optionError } from '@grantkit/core/kit'
import { tokenInterceptor } from '@grantkit/undici'
import axios from 'axios'
import { Agent } from 'undici'

export const fromKit = optionError

export function attach(tokens: TokenSource): Promise<TokenSet> {
  attachTokenSource(axios.create(), tokens, { origins: ['https://api.example'] })
  new Agent().compose(tokenInterceptor(tokens, { origins: ['https://api.example'] }))
  return tokens.getTokenSet()
}
