/** oidc-provider for logins in a browser: its own pages for login and consent, refresh tokens that are good once, on loopback. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { type ClientMetadata, type Configuration } from 'oidc-provider'

/** One token request, when it has been answered. */
interface TokenRequest {
  readonly grantType: string
  /** Who sent it, by the header `x-instance`. */
  readonly from: string
  readonly status: number
}

/** A running server. */
export interface LoginServer extends AsyncDisposable {
  readonly oidc: Provider
  readonly issuer: string
  readonly tokenRequests: readonly TokenRequest[]
  /** How many consents were revoked, as they are when a refresh token comes twice. */
  readonly revoked: readonly string[]
  /** Holds the next token request before it is looked at; resolves when it is there. */
  hold(): Promise<HeldRequest>
}

/** A token request that waits. */
interface HeldRequest {
  readonly from: string
  /** Lets it go on. */
  letGo(): void
}

/** Of the one client, `app`. */
export interface LoginServerOptions {
  readonly redirectUris: readonly string[]
  readonly postLogoutRedirectUris?: readonly string[]
  readonly client?: Partial<ClientMetadata>
  readonly configuration?: Configuration
}

export const clientId = 'app'
export const clientSecret = 'a secret of 32 bytes or more, at least'

/** Any name and password are good. Every login has a refresh token, and a renewal replaces it. */
export async function startLoginServer(options: LoginServerOptions): Promise<LoginServer> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const oidc = new Provider(issuer, configurationOf(options))
  const tokenRequests: TokenRequest[] = []
  const revoked: string[] = []
  let onTokenRequest: ((held: HeldRequest) => void) | undefined
  oidc.on('grant.revoked', (_, grantId) => revoked.push(grantId))
  oidc.use(async (context, next) => {
    if (context.path !== '/token') return next()
    const from = context.get('x-instance')
    const waiting = onTokenRequest
    onTokenRequest = undefined
    if (waiting !== undefined) await new Promise<void>(letGo => waiting({ from, letGo }))
    // nobody is left to answer: as if it had been lost on its way
    if (context.req.destroyed) return
    await next()
    tokenRequests.push({ grantType: String(context.oidc?.params?.grant_type), from, status: context.status })
  })
  server.on('request', oidc.callback())
  return {
    oidc,
    issuer,
    tokenRequests,
    revoked,
    hold: () => new Promise(resolve => (onTokenRequest = resolve)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function configurationOf({
  redirectUris,
  postLogoutRedirectUris = [],
  client,
  configuration,
}: LoginServerOptions): Configuration {
  const { features, ...rest } = configuration ?? {}
  return {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [...redirectUris],
        post_logout_redirect_uris: [...postLogoutRedirectUris],
        ...flowsOf(redirectUris),
        id_token_signed_response_alg: 'ES256',
        ...client,
      },
    ],
    responseTypes: ['code', 'code id_token'],
    scopes: ['openid', 'offline_access', 'accounts', 'payments'],
    claims: { openid: ['sub'], acr: null, auth_time: null },
    cookies: { keys: ['of this test'] },
    jwks: { keys: [serverKey()] as never },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: 600, RefreshToken: 86_400, Grant: 86_400, IdToken: 600, Interaction: 600, Session: 86_400 },
    features: { devInteractions: { enabled: true }, ...features },
    ...rest,
  }
}

/** It has the hybrid flow for https alone (OpenID Connect Registration §2). */
function flowsOf(redirectUris: readonly string[]): Pick<ClientMetadata, 'grant_types' | 'response_types'> {
  const usual = { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code' as const] }
  if (!redirectUris.every(uri => uri.startsWith('https:'))) return usual
  return { grant_types: [...usual.grant_types, 'implicit'], response_types: ['code', 'code id_token'] }
}

function serverKey(): object {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), kid: 'server', alg: 'ES256', use: 'sig' }
}
