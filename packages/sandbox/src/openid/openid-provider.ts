/** The state of the OpenID Provider that its endpoints share, and how they refuse. */
import type { AccessTokens } from '../access-tokens.js'
import { json, Refusal } from '../answer.js'
import type { SandboxClock } from '../clock.js'
import type { BoundedMap, RequestKind } from '../record.js'
import type { SigningKeys } from '../signing-keys.js'
import type { MisbehaviourList } from './misbehaviour-list.js'
import type { WaitingDevice } from './other-grants.js'
import type { ServerKeys } from './server-keys.js'
import type { OpenidSettings } from './settings.js'

/** What an authorization request asked for, by parameter name; a request object's members as JSON text. */
export type AuthorizationParameters = Readonly<Record<string, string>>

/** What a user has agreed to. */
export interface Authorization {
  readonly subject: string
  readonly scope: string
  readonly parameters: AuthorizationParameters
  readonly authenticatedAt: number
  /** Of the DPoP key its tokens are bound to. */
  keyThumbprint: string | undefined
  /** Whether a refresh token comes with it. Default true. */
  readonly isRenewable?: boolean
  /** What its answer says beside. */
  readonly members?: Readonly<Record<string, string>>
}

/** Everything the endpoints need. */
export interface OpenidProvider {
  readonly settings: OpenidSettings
  readonly clock: SandboxClock
  readonly tokens: AccessTokens
  readonly keys: ServerKeys
  readonly misbehaviours: MisbehaviourList
  readonly clientId: string
  clientSecret: string
  readonly clientKeys: SigningKeys
  readonly clientKid: string
  readonly certificateThumbprint: string
  readonly redirectUris: string[]
  readonly postLogoutRedirectUri: string
  /** Also the origin of its endpoints. */
  issuer: string
  /** The origin of its endpoints under `mtls_endpoint_aliases`. */
  mtlsOrigin: string
  readonly codes: BoundedMap<Authorization & { readonly expiresAt: number }>
  /** By access and by refresh token. */
  readonly authorizations: BoundedMap<Authorization>
  readonly pushedRequests: BoundedMap<{ readonly parameters: AuthorizationParameters; readonly expiresAt: number }>
  /** By device code. */
  readonly devices: BoundedMap<WaitingDevice>
  readonly usedJtis: BoundedMap<true>
  nonce: string
}

/** An OAuth error as the server says it. @throws always */
export function refuse(
  status: number,
  error: string,
  description: string,
  headers: Record<string, string> = {},
): never {
  throw new Refusal(
    json(status, { error, error_description: description }, { 'cache-control': 'no-store', ...headers }),
  )
}

/** Where in the conversation something is sent: what `misbehave(…, { on })` names. */
export type Occasion = RequestKind | 'refresh'
