/** The provider contract, run against the sandbox's CIAM in both body formats. */
import { clientCredentials, clientSecretBasic, createClient } from '@grantkit/core'
import { providerContract } from '@grantkit/testing'
import { describe, test } from 'vitest'
import { fiservCiam } from '../src/index.js'
import { startCiam } from './ciam.js'

const tokenEndpoint = 'https://ciam.example.com/ciam-mfa/v2/get/token'
const clientId = 'id'

describe.each(['json', 'form'] as const)('fiservCiam, %s', format => {
  const cases = providerContract({
    authMethod: 'client_secret_post',
    refreshTokens: false,
    wrongOptions: [
      { option: 'tokenEndpoint', make: () => fiservCiam({} as never) },
      { option: 'tokenEndpoint', make: () => fiservCiam({ tokenEndpoint: 'http://ciam.example.com/token' }) },
      { option: 'format', make: () => fiservCiam({ tokenEndpoint, format: 'xml' as never }) },
      { option: 'grantType', make: () => fiservCiam({ tokenEndpoint, grantType: 'password' as never }) },
      { option: 'granttype', make: () => fiservCiam({ tokenEndpoint, granttype: 'client_credential' } as never) },
      {
        option: 'auth',
        make: () =>
          createClient({ provider: fiservCiam({ tokenEndpoint }), clientId, auth: clientSecretBasic('secret') }),
      },
    ],
    async start() {
      const ciam = await startCiam()
      const { system } = ciam
      system.settings.bodyFormats = [format]
      return {
        system,
        client: ciam.client({}, { format }),
        clientWithWrongCredentials: ciam.client({ clientSecret: 'not|the^secret' }, { format }),
        grant: clientCredentials(),
        advance: ciam.sandbox.advance,
        secrets: [system.clientSecret, 'not|the^secret'],
        [Symbol.asyncDispose]: ciam[Symbol.asyncDispose],
      }
    },
  })
  for (const { name, run } of cases) test(name, run)
})
