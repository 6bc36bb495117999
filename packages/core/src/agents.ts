/** Connections on undici: where a TCP connection goes, what it is secured with, and which of them serve the next request. */
import type { Agent, buildConnector, Client } from 'undici'
import type { TlsOptions } from './certificate.js'
import { openSocket, openTunnel, type ProxyFor } from './proxy.js'
import { secureContext, serverIdentityCheck } from './tls.js'
import { endAtFirstError } from './transport-error.js'

/** undici as a module, whichever copy of it. */
export type Undici = typeof import('undici')

/** What connections are made with. */
export interface ConnectionSettings {
  readonly tls: TlsOptions
  /** How long connecting may take, in milliseconds. */
  readonly timeoutMs: number
  /** How long an idle connection is kept when the server does not say, in milliseconds. */
  readonly keepAliveMs: number
  /** The proxy a connection goes through, if any. */
  readonly proxyFor: ProxyFor
  /** Whether a `Host` header decides the name that is sent and verified, as undici has it. Default: the URL does. */
  readonly nameByHost?: boolean | undefined
}

/**
 * An agent of an undici that connects as `tls` says, past any proxy, and otherwise as undici itself. Once the certificate
 * is replaced it is another one.
 *
 * @returns gives the agent for the next request; the undici is always the same
 */
export function directAgent(tls: TlsOptions): (undici: Undici) => Agent {
  const likeUndici = { timeoutMs: 10_000, keepAliveMs: 4_000, nameByHost: true }
  const agents = new Agents({ tls, proxyFor: () => undefined, ...likeUndici })
  return undici => agents.current(undici)
}

/** One agent for each certificate: the one before finishes what it has under way, then closes by itself. */
export class Agents {
  readonly #settings: ConnectionSettings
  #agent: Agent | undefined
  #connect: buildConnector.connector | undefined
  #madeFor: unknown

  /** Nothing is made or opened before the first request. */
  constructor(settings: ConnectionSettings) {
    this.#settings = settings
  }

  /** The agent of the certificate as it is now, always of the same undici. */
  current(undici: Undici): Agent {
    const connect = this.#connector(undici)
    this.#agent ??= new undici.Agent({ keepAliveTimeout: this.#settings.keepAliveMs, connect })
    return this.#agent
  }

  /** A connection for one request. */
  once(undici: Undici, { origin }: URL): Client {
    return new undici.Client(origin, { connect: this.#connector(undici) })
  }

  #connector({ buildConnector }: Undici): buildConnector.connector {
    const material = this.#settings.tls.certificate?.contextOptions
    if (this.#connect !== undefined && this.#madeFor === material) return this.#connect
    void this.#agent?.close()
    this.#agent = undefined
    this.#madeFor = material
    this.#connect = connector(buildConnector, this.#settings)
    return this.#connect
  }

  async close(): Promise<void> {
    await this.#agent?.destroy()
  }
}

/** Opens connections: the way of the TCP connection is decided here, what is verified is not. */
function connector(build: typeof buildConnector, settings: ConnectionSettings): buildConnector.connector {
  const { tls, timeoutMs, proxyFor, nameByHost = false } = settings
  const { connectTo } = tls
  const secure = {
    secureContext: secureContext(tls),
    rejectUnauthorized: true,
    checkServerIdentity: serverIdentityCheck(tls),
  }
  const open = build({ ...secure, timeout: timeoutMs })
  return ({ servername, ...asked }, done) => {
    const name = tls.servername ?? (nameByHost ? servername : undefined)
    const target = { ...asked, ...(name && { servername: name }) }
    const callback: buildConnector.Callback = (...[error, socket]) => {
      if (error !== null) return done(error, null)
      endAtFirstError(socket)
      done(null, socket)
    }
    const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80)
    const proxy = proxyFor(target.protocol, target.hostname, port)
    if (proxy === undefined && connectTo === undefined) return open(target, callback)
    const to = { host: connectTo?.host ?? target.hostname, port: connectTo?.port ?? port }
    const opening = proxy === undefined ? openSocket(to, timeoutMs) : openTunnel(proxy, to, timeoutMs)
    opening.then(
      socket =>
        target.protocol === 'https:' ? open({ ...target, httpSocket: socket }, callback) : callback(null, socket),
      error => callback(error, null),
    )
  }
}
