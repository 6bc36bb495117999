/** The provider contract, run against the sandbox's core banking API. */
import { clientCredentials, clientSecretBasic, createClient } from '@grantkit/core'
import { providerContract } from '@grantkit/testing'
import { describe, test } from 'vitest'
import { coreBanking } from '../src/index.js'
import { startBank } from './bank.js'

const baseUrl = 'https://openapi.example.com'
const clientId = 'id'

const cases = providerContract({
  authMethod: 'client_secret_post',
  refusedStatus: 400,
  refreshTokens: false,
  wrongOptions: [
    { option: 'baseUrl', make: () => coreBanking({} as never) },
    { option: 'baseUrl', make: () => coreBanking({ baseUrl: 'http://openapi.example.com' }) },
    { option: 'authenticatePath', make: () => coreBanking({ baseUrl, authenticatePath: 'api/auth' }) },
    { option: 'authenticatePath', make: () => coreBanking({ baseUrl, authenticatePath: '' }) },
    { option: 'path', make: () => coreBanking({ baseUrl, path: '/auth' } as never) },
    {
      option: 'auth',
      make: () => createClient({ provider: coreBanking({ baseUrl }), clientId, auth: clientSecretBasic('secret') }),
    },
  ],
  async start() {
    const bank = await startBank()
    const { system } = bank
    return {
      system,
      client: bank.client(),
      clientWithWrongCredentials: bank.client({ clientSecret: 'not-the-secret' }),
      grant: clientCredentials(),
      advance: bank.sandbox.advance,
      secrets: [system.clientSecret, 'not-the-secret'],
      [Symbol.asyncDispose]: bank[Symbol.asyncDispose],
    }
  },
})

describe('coreBanking', () => {
  for (const { name, run } of cases) test(name, run)
})
