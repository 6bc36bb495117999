/** Every package, for the compiler: its types are found, and fit the library they are for. */
import { attachTokenSource } from '@grantkit/axios'
import { createTokenSource, type TokenSet, type TokenSource } from '@grantkit/core'
import { optionError } from '@grantkit/core/kit'
import { applicationToken } from '@grantkit/express'
import { fileStore } from '@grantkit/file-store'
import { tokenHooks } from '@grantkit/got'
import { postgresStore } from '@grantkit/postgres'
import { coreBanking } from '@grantkit/provider-core-banking'
import { fiservCiam } from '@grantkit/provider-fiserv-ciam'
import { oidc } from '@grantkit/provider-oidc'
import { wso2Apk } from '@grantkit/provider-wso2-apk'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import { redisStore } from '@grantkit/redis'
import { startSandbox } from '@grantkit/sandbox'
import { tokenStoreContract } from '@grantkit/testing'
import { tokenInterceptor } from '@grantkit/undici'
import axios from 'axios'
import { Agent } from 'undici'

export const providers = [coreBanking, fiservCiam, oidc, wso2Apk, wso2OpenBanking]
export const stores = [fileStore, postgresStore, redisStore]
export const others = [tokenHooks, createTokenSource, optionError, startSandbox, tokenStoreContract, applicationToken]

export function attach(tokens: TokenSource): Promise<TokenSet> {
  attachTokenSource(axios.create(), tokens, { origins: ['https://api.example'] })
  new Agent().compose(tokenInterceptor(tokens, { origins: ['https://api.example'] }))
  return tokens.getTokenSet()
}
