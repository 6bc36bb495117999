/** A server, and GrantKit set up for it as its user would. */
import {
  authorizationCode,
  type Client,
  type ClientOptions,
  createClient,
  createPkce,
  createUserTokenSources,
  defineProvider,
  type Provider,
  type TokenSet,
  type UserTokenSource,
} from '@grantkit/core'
import { oidc } from '@grantkit/provider-oidc'
import type { RunningServer } from './server.js'

export interface Scene {
  readonly server: RunningServer
  readonly provider: Provider
  readonly client: Client
  /** Moves the clients' clock ahead of the server's. */
  readonly advance: (milliseconds: number) => void
  /** A client with other options. */
  readonly another: (options?: Partial<ClientOptions>) => Client
  readonly userOf: (subject: string) => UserTokenSource
  readonly logIn: (subject: string) => Promise<TokenSet>
  /** A code of the server with what it is redeemed with. */
  readonly codeFor: (subject: string) => Promise<Code>
}

export interface Code {
  readonly code: string
  readonly codeVerifier: string
}

export async function setUp(server: RunningServer): Promise<Scene> {
  const provider = await providerOf(server)
  const { clientId, clientSecret } = server
  let aheadMs = 0
  const clock = { now: () => Date.now() + aheadMs }
  const another = (options = {}) => createClient({ provider, clientId, clientSecret, clock, ...options })
  const client = another()
  const users = createUserTokenSources({ client })
  const codeFor = (subject: string) => authorize(server, subject)
  const logIn = async (subject: string) => users.for(subject).redeem(grantOf(server, await codeFor(subject)))
  const advance = (milliseconds: number) => {
    aheadMs += milliseconds
  }
  return { server, provider, client, advance, another, userOf: subject => users.for(subject), logIn, codeFor }
}

export function grantOf({ redirectUri }: RunningServer, { code, codeVerifier }: Code) {
  return authorizationCode({ code, codeVerifier, redirectUri })
}

/** Metadata where they are published, stated ones elsewhere; beside them, what has no name in them. */
async function providerOf(server: RunningServer): Promise<Provider> {
  const { issuer, wellKnown, tokenEndpoint, basicCredentials } = server
  const conform = { basicCredentials }
  if (issuer !== undefined) return oidc({ name: 'theirs', issuer, wellKnown, conform })
  const metadata = { issuer: new URL(tokenEndpoint).origin, token_endpoint: tokenEndpoint }
  return defineProvider({ name: 'theirs', metadata, conform })
}

async function authorize(server: RunningServer, subject: string): Promise<Code> {
  const { codeVerifier, codeChallenge, codeChallengeMethod } = createPkce()
  const state = crypto.randomUUID()
  const answer = await server.logIn(subject, {
    response_type: 'code',
    client_id: server.clientId,
    redirect_uri: server.redirectUri,
    scope: server.scope,
    state,
    code_challenge: codeChallenge,
    code_challenge_method: codeChallengeMethod,
  })
  if (answer.code === undefined || answer.state !== state) throw new Error(`the login ended with ${answer.error}`)
  return { code: answer.code, codeVerifier }
}
