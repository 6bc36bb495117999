/** What connections are secured with, for undici, https.Agent and got alike: certificates and CAs as Node wants them. */
import { X509Certificate } from 'node:crypto'
import { Agent, type AgentOptions, type RequestOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import tls, { type PeerCertificate, type SecureContext, type SecureContextOptions } from 'node:tls'
import { defaultAuthorities, pemBlocks, vouchesFor } from './authorities.js'
import { checkTlsOptions, type TlsOptions, tlsOptionNames } from './certificate.js'
import { checkOptions } from './options.js'
import { identityOf } from './secret.js'

const contexts = new WeakMap<TlsOptions, { readonly material: unknown; readonly context: SecureContext }>()

/** The certificates and CAs of `options` as Node wants them. Made once for each certificate: reading all CAs takes a while. */
export function secureContext(options: TlsOptions): SecureContext {
  const material = options.certificate?.contextOptions
  const held = contexts.get(options)
  if (held !== undefined && held.material === material) return held.context
  const ca = trusted(options)
  const context = tls.createSecureContext({ ...(material as SecureContextOptions), ...(ca && { ca }) })
  contexts.set(options, { material, context })
  return context
}

/**
 * An `https.Agent` with keep-alive for these options; a replaced certificate is used from the next request on.
 *
 * @param agentOptions what else `https.Agent` takes, such as `maxSockets`
 * @throws {TypeError} naming the option
 */
export function httpsAgent(options: TlsOptions, agentOptions: AgentOptions = {}): Agent {
  checkOptions('httpsAgent', options, tlsOptionNames)
  checkTlsOptions(options)
  return new CertificateAgent(options, agentOptions)
}

/** `undefined` leaves Node's own CAs in place. */
function trusted({ ca, caMode = 'add' }: TlsOptions): (string | Buffer)[] | undefined {
  if (ca === undefined) return undefined
  const own = [ca].flat().map(one => (typeof one === 'string' ? one : Buffer.from(one)))
  return caMode === 'replace' ? own : [...defaultAuthorities(), ...own]
}

const authoritiesOf = new WeakMap<TlsOptions, readonly X509Certificate[]>()

/**
 * What `tls.connect()` takes as `checkServerIdentity`: Node's own check, and for a client certificate that came in a PFX
 * whether the chain leads to a CA that is meant. Node trusts the CAs in a PFX beside whichever it is given.
 */
export function serverIdentityCheck(options: TlsOptions): typeof tls.checkServerIdentity {
  return (name, peer) => tls.checkServerIdentity(name, peer) ?? checkAuthority(options, peer)
}

function checkAuthority(options: TlsOptions, peer: PeerCertificate): Error | undefined {
  if (!('pfx' in (options.certificate?.contextOptions ?? {}))) return undefined
  let authorities = authoritiesOf.get(options)
  if (authorities === undefined) {
    const texts = (trusted(options) ?? defaultAuthorities()).flatMap(text => pemBlocks(text.toString()))
    authorities = texts.map(text => new X509Certificate(text))
    authoritiesOf.set(options, authorities)
  }
  if (vouchesFor(authorities, peer)) return undefined
  return Object.assign(new Error('no CA but those in the PFX vouches for it'), { code: 'CERT_UNTRUSTED' })
}

type ConnectionOptions = RequestOptions & { readonly secureContext?: SecureContext }

/** Follows replacements: a connection made with an earlier certificate ends with its request and is not kept. */
class CertificateAgent extends Agent {
  readonly #tls: TlsOptions
  readonly #madeWith = new WeakMap<Duplex, SecureContext | undefined>()
  readonly #stopListening: (() => void) | undefined

  constructor(options: TlsOptions, agentOptions: AgentOptions) {
    const { servername } = options
    const ours = { secureContext: secureContext(options), rejectUnauthorized: true, ...(servername && { servername }) }
    super({ keepAlive: true, ...agentOptions, ...ours })
    this.#tls = options
    this.#stopListening = options.certificate?.onReplaced(() => this.#renew())
  }

  #renew(): void {
    this.options.secureContext = secureContext(this.#tls)
    for (const socket of Object.values(this.freeSockets).flat()) socket?.destroy()
  }

  override createConnection(options: ConnectionOptions, callback?: (error: Error | null, stream: Duplex) => void) {
    const { connectTo } = this.#tls
    const name = options.servername || options.host || ''
    const to = connectTo && { host: connectTo.host, ...(connectTo.port && { port: connectTo.port }) }
    const check = serverIdentityCheck(this.#tls)
    const checkServerIdentity = (_: string, peer: PeerCertificate) => check(name, peer)
    const socket = super.createConnection({ ...options, ...to, checkServerIdentity }, callback)
    if (socket) this.#madeWith.set(socket, options.secureContext)
    return socket
  }

  /** Node files connections under this name; those of different certificates must not be mixed. */
  override getName(options: ConnectionOptions = {}): string {
    return `${super.getName(options)}:${options.secureContext && identityOf(options.secureContext)}`
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const current = this.#madeWith.get(socket) === this.options.secureContext
    return current && (super.keepSocketAlive(socket) as unknown as boolean)
  }

  override destroy(): void {
    this.#stopListening?.()
    super.destroy()
  }
}
