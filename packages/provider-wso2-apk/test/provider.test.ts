/** The provider contract, run against the sandbox's APK. */
import { authorizationCode, clientCredentials } from '@grantkit/core'
import { providerContract } from '@grantkit/testing'
import { describe, test } from 'vitest'
import { wso2Apk } from '../src/index.js'
import { startApk } from './apk.js'

const cases = providerContract({
  authMethod: 'client_secret_basic',
  wrongOptions: [
    { option: 'tokenEndpoint', make: () => wso2Apk({ tokenEndpoint: 'http://idp.am.wso2.com:9095/oauth2/token' }) },
    { option: 'tokenEndpoint', make: () => wso2Apk({ tokenEndpoint: '' }) },
    { option: 'issuer', make: () => wso2Apk({ issuer: '' }) },
    { option: 'tokenendpoint', make: () => wso2Apk({ tokenendpoint: 'misspelt' } as object) },
  ],
  async start() {
    const apk = await startApk()
    const { system } = apk
    return {
      system,
      client: apk.client(),
      clientWithWrongCredentials: apk.client({ clientSecret: 'not-the-secret' }),
      grant: clientCredentials(),
      logIn: () =>
        authorizationCode({
          code: system.approve({ clientId: system.clientId }),
          redirectUri: system.redirectUri,
        }),
      advance: apk.sandbox.advance,
      secrets: [system.clientSecret, 'not-the-secret'],
      [Symbol.asyncDispose]: apk[Symbol.asyncDispose],
    }
  },
})

describe('wso2Apk', () => {
  for (const { name, run } of cases) test(name, run)
})
