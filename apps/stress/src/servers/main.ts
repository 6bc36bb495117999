/** The process the authorization servers run in. */
import { answerParent } from '../child.js'
import { type ApiManager, type ApiManagerAddress, startApiManager } from './api-manager.js'
import {
  type AuthorizationServer,
  type AuthorizationServerAddress,
  type HoldAt,
  startAuthorizationServer,
} from './authorization-server.js'
import type { Family, LedgerSummary } from './ledger.js'

export interface ServersOptions {
  /** How long access tokens live, in seconds. */
  readonly accessTokenSeconds: number
  /** How long a token request is held at most, in milliseconds. */
  readonly mostDelayMs: number
}

export interface ServersAddress {
  readonly authorizationServer: AuthorizationServerAddress
  readonly apiManager: ApiManagerAddress
}

export interface ServersSummary {
  readonly ledger: LedgerSummary
  /** How many application tokens the API Manager was asked for. */
  readonly applicationTokens: number
}

let authorizationServer: AuthorizationServer
let apiManager: ApiManager

/** What this process can be asked. */
const offered = {
  async start(options: ServersOptions): Promise<ServersAddress> {
    authorizationServer = await startAuthorizationServer(options)
    apiManager = await startApiManager(options)
    return { authorizationServer: authorizationServer.address, apiManager: apiManager.address }
  },
  /** A refresh token for each of these users. */
  logIn(subjects: readonly string[]): Promise<string[]> {
    return Promise.all(subjects.map(subject => authorizationServer.logIn(subject)))
  },
  hold({ worker, at }: { worker: string; at: HoldAt }): Promise<void> {
    return authorizationServer.hold(worker, at)
  },
  async families(subjects: readonly string[]): Promise<(Family | undefined)[]> {
    return subjects.map(subject => authorizationServer.ledger.family(subject))
  },
  async summary(): Promise<ServersSummary> {
    return { ledger: authorizationServer.ledger.summary(), applicationTokens: apiManager.tokenRequests() }
  },
}

export type ServersCalls = typeof offered

answerParent(offered)
