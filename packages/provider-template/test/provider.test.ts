/** The provider contract, run against a local server. */
import { authorizationCode, clientCredentials, clientSecretBasic, createClient } from '@grantkit/core'
import { providerContract } from '@grantkit/testing'
import { describe, test } from 'vitest'
import { template } from '../src/index.js'
import { appKey, startLocalServer } from './local-server.js'

const tokenEndpoint = 'https://login.template.example/v1/token'

const cases = providerContract({
  authMethod: 'client_secret_post',
  refusedStatus: 400,
  wrongOptions: [
    { option: 'tokenEndpoint', make: () => template({} as never) },
    { option: 'tokenEndpoint', make: () => template({ tokenEndpoint: 'http://login.template.example/v1/token' }) },
    { option: 'tokenendpoint', make: () => template({ tokenEndpoint, tokenendpoint: 'misspelt' } as never) },
    {
      option: 'auth',
      make: () =>
        createClient({ provider: template({ tokenEndpoint }), clientId: 'my-app', auth: clientSecretBasic(appKey) }),
    },
  ],
  async start() {
    const server = await startLocalServer()
    return {
      system: server,
      client: server.client(),
      clientWithWrongCredentials: server.client({ clientSecret: 'not-the-key' }),
      grant: clientCredentials(),
      logIn: () => authorizationCode({ code: server.logIn() }),
      advance: server.clock.advance,
      secrets: [appKey, 'not-the-key'],
      [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    }
  },
})

describe('template', () => {
  for (const { name, run } of cases) test(name, run)
})
