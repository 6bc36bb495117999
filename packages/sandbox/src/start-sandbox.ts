/** Starts all six systems on loopback and ties their clock, their certificates and their end together. */
import { type ClientCertificates, createCertificateAuthority, issueClientCertificates } from './certificates.js'
import { createClock } from './clock.js'
import { createInstallation } from './open-banking/open-banking-system.js'
import { type Openid, startOpenid } from './openid/openid-system.js'
import { type CoreBanking, startCoreBanking } from './profiles/core-banking.js'
import { type FiservCiam, startFiservCiam } from './profiles/fiserv-ciam.js'
import { startWso2ApiManager, type Wso2ApiManager } from './profiles/wso2-api-manager.js'
import { startWso2Apk, type Wso2Apk } from './profiles/wso2-apk.js'
import { startWso2IdentityServer, type Wso2IdentityServer } from './profiles/wso2-identity-server.js'
import type { StartedSystem, System, SystemContext, SystemName } from './system.js'

/** All optional. */
export interface SandboxOptions {
  /** Fixed ports by system name; default: free ones the machine picks. */
  readonly ports?: Partial<Record<SystemName, number>>
  /** The loopback address to listen on; nothing else is allowed. */
  readonly host?: '127.0.0.1'
  /** How many requests each system remembers. Default 10,000. */
  readonly requestLimit?: number
}

/** Six running systems. */
export interface Sandbox extends AsyncDisposable {
  /** WSO2 API Manager with Open Banking. */
  readonly wso2ApiManager: Wso2ApiManager
  /** WSO2 Identity Server, whose tokens are used at that gateway. */
  readonly wso2IdentityServer: Wso2IdentityServer
  /** The identity provider of WSO2 APK, and its gateway. */
  readonly wso2Apk: Wso2Apk
  /** A core banking API. */
  readonly coreBanking: CoreBanking
  /** Fiserv CIAM's token service, and an API. */
  readonly fiservCiam: FiservCiam
  /** An OpenID Provider, for the front channel, FAPI, and what a hostile server may send. */
  readonly openid: Openid
  /** All of them, in the order above. */
  readonly systems: readonly System[]
  /** PEM of the throwaway CA every server's certificate chains to. */
  readonly ca: string
  /** Client certificates of every kind a server may meet. */
  readonly certificates: ClientCertificates
  /** Epoch milliseconds as the servers see them. */
  now(): number
  /**
   * Moves the time of all systems; certificates' dates are checked by TLS against the machine's clock all the same.
   *
   * @param ms milliseconds
   */
  advance(ms: number): void
  /** Closes every listener and connection; may be called twice. */
  stop(): Promise<void>
}

const systemNames: readonly SystemName[] = [
  'wso2ApiManager',
  'wso2IdentityServer',
  'wso2Apk',
  'coreBanking',
  'fiservCiam',
  'openid',
]

/**
 * Starts the sandbox.
 *
 * @throws TypeError naming the option that is wrong; the system's own error when a port is taken
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  checkOptions(options)
  const clock = createClock()
  const authority = createCertificateAuthority('GrantKit Sandbox CA')
  const certificates = issueClientCertificates(authority)
  const { host = '127.0.0.1', requestLimit = 10_000, ports = {} } = options
  const contextOf = (name: SystemName): SystemContext => ({
    host,
    port: ports[name] ?? 0,
    requestLimit,
    clock,
    authority,
    certificates,
  })
  const installation = await createInstallation(certificates)
  const started: StartedSystem<System>[] = []
  const keep = <Kind extends StartedSystem<System>>(one: Kind): Kind => {
    started.push(one)
    return one
  }
  const stop = async () => {
    await Promise.all(started.map(({ close }) => close()))
  }
  try {
    const apiManager = keep(await startWso2ApiManager(contextOf('wso2ApiManager'), installation))
    const identityServer = keep(
      await startWso2IdentityServer(contextOf('wso2IdentityServer'), installation, apiManager),
    )
    const apk = keep(await startWso2Apk(contextOf('wso2Apk')))
    const coreBanking = keep(await startCoreBanking(contextOf('coreBanking')))
    const fiservCiam = keep(await startFiservCiam(contextOf('fiservCiam')))
    const openid = keep(await startOpenid(contextOf('openid')))
    const audiences = [apiManager.system.tokenEndpoint, identityServer.system.tokenEndpoint]
    apiManager.system.settings.audiences = [...audiences]
    identityServer.system.settings.audiences = [...audiences]
    return {
      wso2ApiManager: apiManager.system,
      wso2IdentityServer: identityServer.system,
      wso2Apk: apk.system,
      coreBanking: coreBanking.system,
      fiservCiam: fiservCiam.system,
      openid: openid.system,
      systems: started.map(({ system }) => system),
      ca: authority.cert,
      certificates,
      now: clock.now,
      advance: clock.advance,
      stop,
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function checkOptions({ ports = {}, host, requestLimit, ...unknown }: SandboxOptions): void {
  const [extra] = Object.keys(unknown)
  if (extra !== undefined) throw new TypeError(`startSandbox(options): ${extra} is not an option`)
  if (host !== undefined && host !== '127.0.0.1') {
    throw new TypeError('startSandbox(options): host must be 127.0.0.1; the sandbox never leaves loopback')
  }
  if (requestLimit !== undefined && !(Number.isInteger(requestLimit) && requestLimit > 0)) {
    throw new TypeError('startSandbox(options): requestLimit must be a positive integer')
  }
  for (const [name, port] of Object.entries(ports)) {
    if (!systemNames.includes(name as SystemName)) {
      throw new TypeError(`startSandbox(options): ports.${name} is not a system`)
    }
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new TypeError(`startSandbox(options): ports.${name} must be an integer from 0 to 65535`)
    }
  }
}
