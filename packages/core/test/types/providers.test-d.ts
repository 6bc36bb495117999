/** What authors write: providers, grants, client authentication. `npm run typecheck` compiles this, nothing runs it. */
import { expectTypeOf } from 'vitest'
import {
  authorizationCode,
  type ClientAuth,
  clientCertificate,
  clientCredentials,
  clientSecretBasic,
  clientSecretJwt,
  defineProvider,
  encodeJson,
  type Grant,
  type PrivateKeyJwt,
  type Provider,
  privateKeyJwt,
  type Refusal,
  type RefusalKind,
  refreshToken,
} from '../../src/index.js'

const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }

// a provider is data, with hooks whose arguments have their types
const provider = defineProvider({
  name: 'example',
  metadata: { ...metadata, grant_types_supported: ['client_credentials'] },
  conform: {
    encodeRequest: parameters => encodeJson(parameters, { client_id: 'clientId' }),
    mapTokenResponse: body => {
      expectTypeOf(body).toEqualTypeOf<unknown>()
      return body
    },
    classifyError: (refusal, standard) => {
      expectTypeOf(refusal).toEqualTypeOf<Refusal>()
      expectTypeOf(standard).toEqualTypeOf<RefusalKind>()
      return refusal.error === 'busy' ? 'transient' : standard
    },
    recognizeRejection: ({ status, wwwAuthenticate, body }) =>
      status === 401 && (wwwAuthenticate + body).includes('expired'),
  },
})
expectTypeOf(provider).toEqualTypeOf<Provider>()
// @ts-expect-error a provider is frozen
provider.name = 'another'
// @ts-expect-error the server has a token endpoint
defineProvider({ name: 'example', metadata: { issuer: 'https://as.example' } })
// @ts-expect-error the RFC's spelling
defineProvider({ name: 'example', metadata: { ...metadata, tokenEndpoint: 'https://as.example/token' } })
// @ts-expect-error there is no such kind
defineProvider({ name: 'example', metadata, conform: { classifyError: () => 'retry' } })
// @ts-expect-error a misspelt fact
defineProvider({ name: 'example', metadata, conform: { classifyErrors: () => 'transient' } })

// grants
expectTypeOf(clientCredentials()).toEqualTypeOf<Grant>()
clientCredentials({ scope: 'a b', resource: ['https://api.example'], parameters: { tenant: 'one' } })
// @ts-expect-error parameters are text on the wire
clientCredentials({ parameters: { tenant: 1 } })
// @ts-expect-error a code grant has a code
authorizationCode({ redirectUri: 'https://app.example/callback' })
// @ts-expect-error camelCase inside
refreshToken({ refresh_token: 'rt' })

// client authentication
expectTypeOf(clientSecretBasic('s3cret', { encoding: 'raw' })).toEqualTypeOf<ClientAuth>()
expectTypeOf(privateKeyJwt({ key: 'PEM', alg: 'PS256', kid: '1' })).toEqualTypeOf<PrivateKeyJwt>()
privateKeyJwt({ key: async data => data, alg: 'ES256' }).replaceKey({ key: 'PEM', alg: 'ES256' })
// @ts-expect-error there is no default algorithm
privateKeyJwt({ key: 'PEM' })
// @ts-expect-error a MAC is keyed by a secret
privateKeyJwt({ key: 'PEM', alg: 'HS256' })
// @ts-expect-error a signature is not
clientSecretJwt('s3cret', { alg: 'RS256' })
clientCertificate({ cert: 'PEM', key: 'PEM' })
clientCertificate({ pfx: Buffer.of(), passphrase: 'p' })
// @ts-expect-error a certificate without its key
clientCertificate({ cert: 'PEM' })
