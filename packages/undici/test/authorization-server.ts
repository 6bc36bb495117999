/** An authorization server in a function, and a token source of it. */
import {
  clientCredentials,
  createClient,
  createTokenSource,
  defineProvider,
  type ManagedTokenSource,
  type ProviderDefinition,
  type TransportResponse,
} from '@grantkit/core'

export interface AuthorizationServer {
  /** How many token requests it received. */
  requests: number
  /** Its answer from now on; by default `<name>-1`, `<name>-2`, …, good for an hour. */
  answer: (number: number) => TransportResponse | Promise<TransportResponse>
  readonly source: ManagedTokenSource
}

export interface AuthorizationServerOptions {
  /** What its tokens begin with. */
  readonly name?: string
  readonly origins?: readonly string[]
  readonly conform?: ProviderDefinition['conform']
}

export function authorizationServer(options: AuthorizationServerOptions = {}): AuthorizationServer {
  const { name = 'secret-token', origins, conform = {} } = options
  const metadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
  const client = createClient({
    provider: defineProvider({ name: 'example', metadata, conform }),
    clientId: 'app',
    clientSecret: 'a secret',
    transport: async () => server.answer(++server.requests),
  })
  const server: AuthorizationServer = {
    requests: 0,
    answer: number => tokenResponse(200, { access_token: `${name}-${number}`, token_type: 'Bearer', expires_in: 3600 }),
    source: createTokenSource({ client, grant: clientCredentials(), origins }),
  }
  return server
}

export function tokenResponse(status: number, body: unknown): TransportResponse {
  return { status, headers: new Headers(), body: new TextEncoder().encode(JSON.stringify(body)) }
}
