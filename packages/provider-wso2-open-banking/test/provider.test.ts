/** The provider contract, run against the sandbox's API Manager and Identity Server. */
import { generateKeyPairSync } from 'node:crypto'
import { authorizationCode, clientCredentials, createClient, privateKeyJwt } from '@grantkit/core'
import { providerContract } from '@grantkit/testing'
import { describe, test } from 'vitest'
import { wso2OpenBanking } from '../src/index.js'
import { startOpenBanking } from './open-banking.js'

const tokenEndpoint = 'https://is.example.com:9446/oauth2/token'
const { privateKey: otherKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

describe.each(['wso2ApiManager', 'wso2IdentityServer'] as const)('wso2OpenBanking, %s', which => {
  const cases = providerContract({
    authMethod: 'private_key_jwt',
    wrongOptions: [
      { option: 'tokenEndpoint', make: () => wso2OpenBanking({} as never) },
      { option: 'tokenEndpoint', make: () => wso2OpenBanking({ tokenEndpoint: 'http://is.example.com/token' }) },
      { option: 'refreshEndpoint', make: () => wso2OpenBanking({ tokenEndpoint, refreshEndpoint: 'token' }) },
      { option: 'audience', make: () => wso2OpenBanking({ tokenEndpoint, audience: '' }) },
      { option: 'issuer', make: () => wso2OpenBanking({ tokenEndpoint, issuer: '' }) },
      { option: 'aud', make: () => wso2OpenBanking({ tokenEndpoint, aud: tokenEndpoint } as never) },
      {
        option: 'tls.certificate',
        make: () =>
          createClient({
            provider: wso2OpenBanking({ tokenEndpoint }),
            clientId: 'id',
            auth: privateKeyJwt({ key: otherKey, alg: 'PS256' }),
          }),
      },
      {
        option: 'alg',
        make: () => {
          const { privateKey: key } = generateKeyPairSync('ed25519')
          return createClient({
            provider: wso2OpenBanking({ tokenEndpoint }),
            clientId: 'id',
            auth: privateKeyJwt({ key, alg: 'EdDSA' }),
          })
        },
      },
    ],
    async start() {
      const bank = await startOpenBanking(which)
      const { system } = bank
      return {
        system,
        client: bank.client(),
        clientWithWrongCredentials: bank.client({ auth: bank.auth({ key: otherKey }) }),
        grant: clientCredentials({ scope: 'accounts' }),
        logIn: () => authorizationCode(bank.approved()),
        advance: bank.sandbox.advance,
        secrets: [system.signingKey, system.certificate.key, system.clientSecret],
        [Symbol.asyncDispose]: bank[Symbol.asyncDispose],
      }
    },
  })
  for (const { name, run } of cases) test(name, run)
})
