/** Connections with a client certificate: on an agent of the undici that is installed beside this package. */
import type { Agent as HttpsAgent } from 'node:https'
import { createRequire } from 'node:module'
import { connect, isIP, type Socket } from 'node:net'
import type { TlsOptions } from '@grantkit/core'
import { httpsAgent, secureContext } from '@grantkit/core/kit'
import type { Agent, buildConnector } from 'undici'

/** The installed undici, loaded when it is needed and at once: an option that does not fit it is told right away. */
export function installedUndici(): typeof import('undici') {
  // undici puts its own agent under the built-in fetch unless that has been loaded before; the process's fetch is not ours
  void globalThis.Headers
  return createRequire(import.meta.url)('undici')
}

/** An undici agent for each certificate: the one before finishes what it has under way, then closes by itself. */
export class CertifiedAgent {
  readonly #tls: TlsOptions
  readonly #https: HttpsAgent
  #agent: Agent | undefined
  #madeWith: unknown

  /** @throws TypeError naming the option */
  constructor(tls: TlsOptions) {
    this.#tls = tls
    this.#https = httpsAgent(tls)
  }

  current(): Agent {
    const context = secureContext(this.#tls)
    if (this.#agent !== undefined && this.#madeWith === context) return this.#agent
    void this.#agent?.close()
    this.#madeWith = context
    this.#agent = new (installedUndici().Agent)({ connect: connector(this.#https) })
    return this.#agent
  }
}

/** As undici's own. */
const connectTimeoutMs = 10_000

/** Opens connections as core's `https.Agent` does: name, verification and way are decided there. */
function connector(agent: HttpsAgent): buildConnector.connector {
  return ({ protocol, hostname, port, servername }, callback) => {
    const isSecure = protocol === 'https:'
    const target = { host: hostname, port: Number(port) || (isSecure ? 443 : 80) }
    const socket = isSecure ? openSecurely(agent, target, servername) : connect(target)
    const fail = (error: Error) => callback(error, null)
    const giveUp = () =>
      socket.destroy(Object.assign(new Error('Connect Timeout Error'), { code: 'UND_ERR_CONNECT_TIMEOUT' }))
    socket.setNoDelay(true).setTimeout(connectTimeoutMs, giveUp).once('error', fail)
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0).off('timeout', giveUp).off('error', fail)
      // in TLS 1.3 the alert for a refused certificate comes now; undici would tell the end that follows, and not the alert
      socket.on('error', error => socket.destroy(error))
      callback(null, socket)
    })
  }
}

interface Target {
  readonly host: string
  readonly port: number
}

function openSecurely(agent: HttpsAgent, target: Target, servername: string | undefined): Socket {
  const name = servername || (isIP(target.host) ? '' : target.host)
  return agent.createConnection({ servername: name, ...agent.options, ...target }) as Socket
}
