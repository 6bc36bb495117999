/**
 * A bank of FAPI 1.0 Advanced and FAPI 2.0 that we did not write: oidc-provider with its FAPI profiles, over TLS, rotation and
 * reuse detection on; its mTLS endpoint aliases ask for a client certificate. Beside it an API that checks for itself what
 * each token is bound to.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from 'jose'
import Provider, { type ClientMetadata } from 'oidc-provider'
import { issue } from '../fixtures/certificates.js'

export const redirectUri = 'https://app.example/callback'

const ca = issue({ name: 'Bank CA' })
const localhost = issue({ name: 'localhost', altNames: ['localhost', '127.0.0.1'], issuer: ca })

/** What clients connect with. */
export const certificates = {
  ca: ca.cert,
  client: issue({ name: 'client', issuer: ca }),
  other: issue({ name: 'another client', issuer: ca }),
  selfSigned: issue({ name: 'self-signed' }),
}

export type Profile = '1.0 Final' | '2.0'

/** A client as it is registered; its profile and whether its proofs need nonces are the server's own business. */
export interface Registered {
  readonly metadata: Partial<ClientMetadata> & { readonly client_id: string }
  readonly profile: Profile
  readonly needsNonce: boolean
}

export interface Bank {
  readonly oidc: Provider
  readonly issuer: string
  /** Where the API is. */
  readonly api: string
  /** Each refresh that succeeded, by client. */
  readonly refreshed: string[]
  /** Each client one of whose grants was revoked: that is what the reuse of a code or a refresh token leads to. */
  readonly revoked: string[]
  close(): Promise<void>
}

const keys = {
  PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
}
const jwk = (key: KeyObject, members: object) => ({ ...key.export({ format: 'jwk' }), ...members })
const algorithms = Object.keys(keys)

/** What is reachable by a certificate, by its name in the metadata (RFC 8705 §5). */
const aliases = {
  token_endpoint: '/token',
  pushed_authorization_request_endpoint: '/request',
  userinfo_endpoint: '/me',
  introspection_endpoint: '/token/introspection',
  revocation_endpoint: '/token/revocation',
}

export async function startBank(clients: readonly Registered[]): Promise<Bank> {
  const [plain, mutual, api] = [
    https.createServer(tls(false)),
    https.createServer(tls(true)),
    https.createServer(tls(true)),
  ]
  const [issuer, byCertificate, apiOrigin] = (await Promise.all([plain, mutual, api].map(listen))) as [
    string,
    string,
    string,
  ]
  const aliased = Object.entries(aliases).map(([name, path]) => [name, `${byCertificate}${path}`])
  const oidc = provider(issuer, clients, Object.fromEntries(aliased))
  const handle = oidc.callback()
  for (const server of [plain, mutual])
    server.on('request', (request, response) => {
      if (!request.url?.startsWith('/interaction')) return handle(request, response)
      agree(oidc, request, response).catch(error => response.writeHead(500).end(String(error)))
    })
  const answer = apiOf(oidc, clients, apiOrigin)
  api.on('request', (request, response) => {
    answer(request, response).catch(error => response.writeHead(500).end(String(error)))
  })
  const [refreshed, revoked]: [string[], string[]] = [[], []]
  oidc.on('grant.success', ({ oidc: { params, client } }) => {
    if (params?.grant_type === 'refresh_token') refreshed.push(String(client?.clientId))
  })
  oidc.on('grant.revoked', ({ oidc: { client } }) => revoked.push(String(client?.clientId)))
  const close = async () => {
    for (const server of [plain, mutual, api]) {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
  }
  return { oidc, issuer, api: apiOrigin, refreshed, revoked, close }
}

function tls(requestCert: boolean): https.ServerOptions {
  return { cert: localhost.cert, key: localhost.key, ca: ca.cert, requestCert, rejectUnauthorized: false }
}

async function listen(server: https.Server): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function provider(issuer: string, registered: readonly Registered[], mtlsAliases: object): Provider {
  const known = new Map(registered.map(client => [client.metadata.client_id, client]))
  const peer = (ctx: { socket: unknown }) => (ctx.socket as TLSSocket).getPeerX509Certificate?.()
  return new Provider(issuer, {
    clients: registered.map(({ metadata }) => metadata as ClientMetadata),
    scopes: ['openid', 'offline_access', 'accounts'],
    responseTypes: ['code', 'code id_token'],
    clientAuthMethods: ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
    features: {
      fapi: { enabled: true, profile: (_, client) => known.get(client?.clientId ?? '')?.profile },
      devInteractions: { enabled: false },
      claimsParameter: { enabled: true },
      dPoP: {
        enabled: true,
        nonceSecret: randomBytes(32),
        requireNonce: ctx => known.get(ctx.oidc.client?.clientId ?? '')?.needsNonce ?? false,
      },
      introspection: { enabled: true, allowedPolicy: () => true },
      jwtResponseModes: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: ctx => peer(ctx)?.toString() as never,
        certificateAuthorized: ctx => (ctx.socket as TLSSocket).authorized,
        certificateSubjectMatches: (ctx, _, expected) => peer(ctx)?.subject === expected,
      },
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
      revocation: { enabled: true },
    },
    enabledJWA: {
      requestObjectSigningAlgValues: algorithms as never,
      idTokenSigningAlgValues: algorithms as never,
      authorizationSigningAlgValues: algorithms as never,
      clientAuthSigningAlgValues: algorithms as never,
    },
    discovery: { mtls_endpoint_aliases: mtlsAliases },
    cookies: { keys: ['of this test'] },
    jwks: {
      keys: Object.entries(keys).map(([alg, { privateKey }]) =>
        jwk(privateKey, { kid: alg, alg, use: 'sig' }),
      ) as never,
    },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    interactions: { url: () => '/interaction' },
    ttl: { AccessToken: 600, RefreshToken: 86_400, Grant: 86_400, IdToken: 600, Interaction: 600, Session: 600 },
  })
}

/** The user logs in as `ann` and agrees. */
async function agree(oidc: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await oidc.interactionDetails(request, response)
  const grant = new oidc.Grant({ clientId: String(params.client_id), accountId: 'ann' })
  grant.addOIDCScope('openid offline_access accounts')
  const result = { login: { accountId: 'ann' }, consent: { grantId: await grant.save() } }
  return oidc.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
}

/** Why a request is refused. */
class Refused extends Error {}

const nonce = 'a-nonce-of-the-api'

/** An API that takes bound tokens alone, from who has what they are bound to. */
function apiOf(oidc: Provider, clients: readonly Registered[], origin: string) {
  const needingNonces = clients.filter(({ needsNonce }) => needsNonce).map(({ metadata }) => metadata.client_id)
  const used = new Set<unknown>()

  async function boundTo(request: IncomingMessage): Promise<object> {
    const [scheme, token = ''] = String(request.headers.authorization).split(' ')
    const known = (await oidc.AccessToken.find(token)) as
      | { accountId: string; clientId: string; jkt?: string; 'x5t#S256'?: string }
      | undefined
    if (known === undefined) throw new Refused('unknown_token')
    const { jkt, 'x5t#S256': thumbprint } = known
    if (jkt === undefined && thumbprint === undefined) throw new Refused('not_bound')
    if (jkt !== undefined) {
      if (scheme !== 'DPoP') throw new Refused('not_by_dpop')
      await checkProof(request, token, jkt, needingNonces.includes(known.clientId))
    } else {
      const certificate = (request.socket as TLSSocket).getPeerX509Certificate()
      if (scheme !== 'Bearer' || certificate === undefined) throw new Refused('without_certificate')
      if (sha256(certificate.raw) !== thumbprint) throw new Refused('another_certificate')
    }
    return { sub: known.accountId, boundTo: jkt ?? thumbprint }
  }

  async function checkProof(request: IncomingMessage, token: string, jkt: string, needsNonce: boolean): Promise<void> {
    const { payload, protectedHeader } = await jwtVerify(String(request.headers.dpop), EmbeddedJWK, {
      typ: 'dpop+jwt',
      requiredClaims: ['jti', 'iat'],
      maxTokenAge: 60,
      clockTolerance: 5,
    })
    if (needsNonce && payload.nonce !== nonce) throw new Refused('use_dpop_nonce')
    if ((await calculateJwkThumbprint(protectedHeader.jwk as JWK)) !== jkt) throw new Refused('another_key')
    if (payload.htm !== request.method || payload.htu !== `${origin}${request.url}`)
      throw new Refused('another_request')
    if (payload.ath !== sha256(token)) throw new Refused('another_token')
    if (used.has(payload.jti)) throw new Refused('used_proof')
    used.add(payload.jti)
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const answer = await boundTo(request)
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    } catch (error) {
      const reason = error instanceof Refused ? error.message : 'invalid_dpop_proof'
      const wantsNonce = reason === 'use_dpop_nonce'
      const challenge = wantsNonce ? 'DPoP error="use_dpop_nonce"' : `Bearer error="invalid_token"`
      const headers = { 'www-authenticate': challenge, ...(wantsNonce && { 'dpop-nonce': nonce }) }
      response.writeHead(401, headers).end(JSON.stringify({ refused: reason }))
    }
  }
}

function sha256(input: string | Buffer): string {
  return createHash('sha256').update(input).digest('base64url')
}

/** As `cnf` has it. */
export function thumbprintOf(certificate: string): string {
  return sha256(new X509Certificate(certificate).raw)
}
