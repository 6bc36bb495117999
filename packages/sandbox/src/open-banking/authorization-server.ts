/** What API Manager and Identity Server share: one client, one store of tokens, codes and used `jti`s. */
import { type KeyObject, randomUUID } from 'node:crypto'
import type { AccessTokens, IssuedToken } from '../access-tokens.js'
import { json, Refusal } from '../answer.js'
import type { SandboxClock } from '../clock.js'
import { BoundedMap } from '../record.js'
import type { SigningKeys } from '../signing-keys.js'
import { accountHolders } from './account-holders.js'
import type { AuthorizationSession } from './authorization-endpoint.js'
import { Consents } from './consents.js'
import type { PushedRequest } from './pushed-authorization.js'
import type { OpenBankingSettings } from './settings.js'

/** A public key the client has published, found by its `kid`. */
export interface ClientKey {
  /** Names the key in the header of an assertion. */
  readonly kid: string
  /** What the assertion's signature is verified with. */
  readonly publicKey: KeyObject
}

/** The one registered client. */
export interface RegisteredClient {
  readonly id: string
  /** For the secret methods; assign to rotate it. */
  secret: string
  /** Where answers of the authorization endpoint may go; push to it to register another. */
  readonly redirectUris: string[]
  /** Its JWKS; push to it to rotate keys. */
  readonly keys: ClientKey[]
  /** `x5t#S256` of the certificate `tls_client_auth` wants. */
  readonly certificateThumbprint: string
}

/** An authorization code, waiting for its exchange. */
export interface AuthorizationCode {
  readonly clientId: string
  readonly subject: string
  readonly scope: readonly string[]
  readonly redirectUri: string
  readonly codeChallenge: string | undefined
  readonly codeChallengeMethod: string
  readonly consentId: string
  readonly nonce: string | undefined
  readonly expiresAt: number
  used: boolean
}

/** Shared by both token endpoints and the gateway, as one installation shares one database. */
export interface OpenBankingStore {
  readonly client: RegisteredClient
  readonly tokens: AccessTokens
  /** The newest access token of each lineage (user, consent, scope, certificate). */
  readonly latest: BoundedMap<IssuedToken>
  readonly codes: BoundedMap<AuthorizationCode>
  readonly consents: Consents
  /** By the last part of their `request_uri`. */
  readonly pushedRequests: BoundedMap<PushedRequest>
  /** Requests whose account holder has not decided yet. */
  readonly sessions: BoundedMap<AuthorizationSession>
  /** Subjects of the browsers that are logged in, by their cookie (`settings.singleSignOn`). */
  readonly browsers: BoundedMap<string>
  /** Kept for ever, as table IDN_OIDC_JTI is (wso2/product-is#7608); a million here. */
  readonly usedJtis: BoundedMap<true>
  /** Refresh tokens being exchanged at this moment. */
  readonly refreshing: Set<string>
}

/** One token endpoint with its settings. */
export interface AuthorizationServer {
  readonly issuer: string
  readonly settings: OpenBankingSettings
  readonly store: OpenBankingStore
  readonly clock: SandboxClock
  readonly keys: () => Promise<SigningKeys>
  /** A JSON body is accepted beside the form (Identity Server). */
  readonly acceptsJson: boolean
  /** `scope` of an application token for which none was asked; undefined omits the member. */
  readonly defaultScope: string | undefined
}

/** The same with its signing keys at hand. */
export interface IssuingServer extends AuthorizationServer {
  readonly signingKeys: SigningKeys
}

/** What the account holder approves, without the pages of the authorization endpoint. */
export interface Approval {
  /** The client that is approved. */
  readonly clientId: string
  /** Space-separated. */
  readonly scope: string
  /** Default: the client's registered one. */
  readonly redirectUri?: string
  /** `code_challenge` of the authorization request (RFC 7636 §4.3). Default: none. */
  readonly codeChallenge?: string
  /** Default `S256`. */
  readonly codeChallengeMethod?: 'S256' | 'plain'
  /** Authorised by this. Default: a new one. */
  readonly consentId?: string
  /** Default: `alice`. */
  readonly subject?: string
  /** Repeated in the ID token. */
  readonly nonce?: string
}

/** An empty installation. */
export function createOpenBankingStore(client: RegisteredClient, tokens: AccessTokens): OpenBankingStore {
  return {
    client,
    tokens,
    latest: new BoundedMap(10_000),
    codes: new BoundedMap(10_000),
    consents: new Consents(tokens),
    pushedRequests: new BoundedMap(10_000),
    sessions: new BoundedMap(10_000),
    browsers: new BoundedMap(10_000),
    usedJtis: new BoundedMap(1_000_000),
    refreshing: new Set(),
  }
}

/**
 * Makes an authorization code as if the account holder had logged in and agreed.
 *
 * @throws TypeError when the client is not known or the scope is empty
 */
export function approve(server: AuthorizationServer, approval: Approval): string {
  const { client } = server.store
  if (approval?.clientId !== client.id) throw new TypeError('approve(approval): clientId is not a registered client')
  if (!approval.scope?.trim()) throw new TypeError('approve(approval): scope must not be empty')
  return issueCode(server, {
    subject: approval.subject ?? defaultSubject,
    scope: approval.scope.trim().split(/\s+/),
    redirectUri: approval.redirectUri ?? (client.redirectUris[0] as string),
    codeChallenge: approval.codeChallenge,
    codeChallengeMethod: approval.codeChallengeMethod ?? 'S256',
    consentId: approveConsent(server, approval.consentId),
    nonce: approval.nonce,
  })
}

const defaultSubject = accountHolders[0]?.subject as string

/** The consent that was named, or one made for the purpose, as agreed to. */
function approveConsent({ store: { consents }, clock }: AuthorizationServer, id?: string): string {
  const consent = consents.find(id) ?? consents.create({}, clock.now(), id)
  consents.authorise(consent, clock.now())
  return consent.id
}

/** A code for what was approved, good for the time the settings say. */
export function issueCode(
  { store, clock, settings }: AuthorizationServer,
  approved: Omit<AuthorizationCode, 'clientId' | 'expiresAt' | 'used'>,
): string {
  const code = randomUUID()
  const expiresAt = clock.now() + settings.codeLifetimeSeconds * 1000
  store.codes.set(code, { ...approved, clientId: store.client.id, expiresAt, used: false })
  return code
}

/** An OAuth error in WSO2's member order: the description first. */
export function refuse(
  status: number,
  error: string,
  description: string,
  headers: Record<string, string> = {},
): never {
  throw new Refusal(
    json(
      status,
      { error_description: description, error },
      { ...headers, 'cache-control': 'no-store', pragma: 'no-cache' },
    ),
  )
}

/** 401 `invalid_client`, with the challenge WSO2 sends even for assertions. */
export function refuseClient(server: AuthorizationServer, description: string): never {
  const realm = new URL(server.issuer).hostname
  const challenge = server.settings.challengeInvalidClient ? { 'www-authenticate': `Basic realm=${realm}` } : {}
  return refuse(401, 'invalid_client', description, challenge)
}
