/** An authorization server that we did not write: oidc-provider, on loopback, and what its login page would have done. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { type Configuration } from 'oidc-provider'

/** A running server, each a new one. */
export interface OidcServer {
  readonly oidc: Provider
  readonly issuer: string
  readonly stop: () => Promise<void>
}

/**
 * Starts it. What the configuration does not say: it signs by ES256, knows every account, and gives everybody a refresh token.
 *
 * @param prepare adds what stands before the server's own handling of a request
 */
export async function startOidcServer(
  configuration: Configuration,
  prepare: (oidc: Provider) => unknown = () => {},
): Promise<OidcServer> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { features, clientDefaults, ...rest } = configuration
  const oidc = new Provider(issuer, {
    cookies: { keys: ['of this test'] },
    jwks: { keys: [serverKey()] as never },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    issueRefreshToken: () => true,
    ttl: { AccessToken: 600, ClientCredentials: 600, RefreshToken: 86_400, Grant: 86_400, IdToken: 600 },
    clientDefaults: { id_token_signed_response_alg: 'ES256', ...clientDefaults },
    features: { devInteractions: { enabled: false }, ...features },
    ...rest,
  })
  prepare(oidc)
  server.on('request', oidc.callback())
  const stop = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return { oidc, issuer, stop }
}

function serverKey(): object {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), kid: 'server', alg: 'ES256', use: 'sig' }
}

/** Who has logged in where, and agreed to what. */
export interface Login {
  readonly clientId: string
  readonly accountId: string
  readonly scope: string
  /** The scope of each API. Default: none. */
  readonly resources?: Readonly<Record<string, string>>
}

/** The id of a user's consent, without the page. */
export async function consentTo(
  oidc: Provider,
  { clientId, accountId, scope, resources = {} }: Login,
): Promise<string> {
  const grant = new oidc.Grant({ clientId, accountId })
  grant.addOIDCScope(scope)
  for (const [resource, resourceScope] of Object.entries(resources)) grant.addResourceScope(resource, resourceScope)
  return grant.save()
}

/** What a code and the tokens of one login have in common. */
async function membersOf(oidc: Provider, login: Login) {
  const { clientId, accountId, scope, resources = {} } = login
  const resource = Object.keys(resources)
  return {
    client: await oidc.Client.find(clientId),
    accountId,
    grantId: await consentTo(oidc, login),
    gty: 'authorization_code',
    scope: [scope, ...new Set(Object.values(resources))].join(' '),
    ...(resource.length > 0 && { resource }),
    authTime: Math.floor(Date.now() / 1000),
  }
}

/** A code as the browser would bring it back. */
export async function codeAfter(
  oidc: Provider,
  { redirectUri, codeChallenge, ...login }: Login & { readonly redirectUri: string; readonly codeChallenge: string },
): Promise<string> {
  const asked = { redirectUri, codeChallenge, codeChallengeMethod: 'S256' }
  return new oidc.AuthorizationCode({ ...(await membersOf(oidc, login)), ...asked } as never).save()
}

/** The tokens of one login. */
export async function tokensAfter(oidc: Provider, login: Login) {
  const members = await membersOf(oidc, login)
  const accessToken = await new oidc.AccessToken({ ...members, claims: {} } as never).save()
  const refreshToken = await new oidc.RefreshToken(members as never).save()
  return { accessToken, refreshToken }
}
