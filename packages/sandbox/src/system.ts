/** What every system of the sandbox offers a test, and the parts they share. */
import { AccessTokens, type IssuedToken } from './access-tokens.js'
import type { CertificateAuthority, ClientCertificates } from './certificates.js'
import type { SandboxClock } from './clock.js'
import { type Fault, FaultList, type FaultOptions } from './faults.js'
import { BoundedList, type ReceivedRequest } from './record.js'

/** The systems, by the name they have in the sandbox. */
export type SystemName = 'wso2ApiManager' | 'wso2IdentityServer' | 'wso2Apk' | 'coreBanking' | 'fiservCiam' | 'openid'

/** A running system: where it is, who may call it, what it received, and how to disturb it. */
export interface System<Settings extends object = object> {
  /** Its name in the sandbox. */
  readonly name: SystemName
  /** Of the token endpoint, as clients write it. */
  readonly origin: string
  /** Its URL. */
  readonly tokenEndpoint: string
  /** Scheme, host and port of the API. */
  readonly apiOrigin: string
  /** A protected resource: GET answers 200 with JSON when the token is valid. */
  readonly apiUrl: string
  /** Where the token endpoint listens, whatever its name is. */
  readonly connectTo: { readonly host: string; readonly port: number }
  /** The client it knows. */
  readonly clientId: string
  /** Assign to a member at any time; it holds from the next request on. A member that does not exist is a TypeError. */
  readonly settings: Settings
  /** Oldest first; the last 10,000 unless `startSandbox` was told otherwise. */
  readonly requests: readonly ReceivedRequest[]
  /** Forgets the requests so far. */
  clearRequests(): void
  /**
   * Spoils coming requests: by default the next one to the token endpoint.
   *
   * @returns a function that cancels what is left of it
   * @throws TypeError when the fault is not known
   */
  fail(fault: Fault, options?: FaultOptions): () => void
  /** Access tokens issued, oldest first, dead ones too; the last 10,000. */
  readonly issuedTokens: readonly IssuedToken[]
  /** Kills an access or refresh token as an administrator would; false when it is not known. */
  revoke(token: string): boolean
  /** Kills every access and refresh token. */
  revokeAllTokens(): void
}

/** What a profile is started with. */
export interface SystemContext {
  readonly host: string
  readonly port: number
  readonly requestLimit: number
  readonly clock: SandboxClock
  readonly authority: CertificateAuthority
  readonly certificates: ClientCertificates
}

/** A system and how to end it. */
export interface StartedSystem<Kind extends System> {
  readonly system: Kind
  readonly close: () => Promise<void>
}

/** The state behind a {@link System}, before it has an address. */
export interface SystemState {
  readonly faults: FaultList
  readonly record: BoundedList<ReceivedRequest>
  readonly tokens: AccessTokens
}

/** Empty state for one system. */
export function createSystemState(requestLimit: number): SystemState {
  return { faults: new FaultList(), record: new BoundedList(requestLimit), tokens: new AccessTokens() }
}

type SharedMembers = Pick<System, 'requests' | 'clearRequests' | 'fail' | 'issuedTokens' | 'revoke' | 'revokeAllTokens'>

/** Completes a system with the members every one has, backed by its state; getters stay getters. */
export function createSystem<Own extends { readonly settings: object }>(
  state: SystemState,
  own: Own,
): Own & SharedMembers {
  Object.seal(own.settings)
  const shared: SharedMembers = {
    requests: state.record.entries,
    clearRequests: () => state.record.clear(),
    fail: (fault, options) => state.faults.add(fault, options),
    get issuedTokens() {
      return state.tokens.all()
    },
    revoke: token => state.tokens.revoke(token),
    revokeAllTokens: () => state.tokens.revokeAll(),
  }
  return Object.defineProperties(shared, Object.getOwnPropertyDescriptors(own)) as Own & SharedMembers
}
