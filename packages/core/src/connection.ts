/** How a server is reached, whether by a client or by who is about to become one: the transport, its certificate, its headers. */
import { checkTls, type TlsOptions } from './certificate.js'
import { type Clock, systemClock } from './clock.js'
import { checkObject, optionError } from './options.js'
import type { Provider } from './provider.js'
import { checkRequestHeaders, headersReader, type ReadHeaders, type RequestHeaders } from './request-headers.js'
import { identityOf } from './secret.js'
import { createTransport, type Transport, type TransportOptions, withDeadline } from './transport.js'

/** Which server is asked, and by which connection. */
export interface ConnectionOptions {
  /** What a provider package's function returned. */
  readonly provider: Provider
  /** Client certificate, private CA, server name and connect address, for these connections alone. */
  readonly tls?: TlsOptions | undefined
  /** Limits and proxy of the built-in transport, or a transport of your own, which has 30 s for each request. */
  readonly transport?: Transport | Omit<TransportOptions, keyof TlsOptions> | undefined
  /**
   * Headers that requests to the server's endpoints carry beside the protocol's own, such as an API key a gateway asks
   * for. A function is asked before every request. Default: the provider's, and `User-Agent: grantkit/<version>`.
   */
  readonly headers?: RequestHeaders | undefined
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
}

export const connectionOptionNames = ['provider', 'tls', 'transport', 'headers', 'clock'] as const

/** What requests to one server are sent by. */
export interface Connection {
  /** The server. */
  readonly provider: Provider
  /** What its connections are made with. */
  readonly tls: TlsOptions
  /** What sends the requests. */
  readonly transport: Transport
  /** Tells this connection from others in a key. */
  readonly connection: string
  /** How long a request takes at most, in milliseconds. */
  readonly timeoutMs: number
  /** Tells the time for expiry, cool-downs and assertions. */
  readonly clock: Clock
  /** Reads the headers beside the protocol's own, as they are now; printing shows none of them. */
  readHeaders(): Promise<ReadHeaders>
  /** Closes idle connections once the requests under way have their answers. */
  close(): Promise<void>
}

/**
 * Refuses a provider, a clock, a certificate or headers that are none.
 *
 * @param maker the function they were given to
 * @throws TypeError naming the option
 */
export function checkConnection(maker: string, options: ConnectionOptions): void {
  const { provider, tls = {}, headers = {}, clock = systemClock } = options
  if (typeof provider !== 'object' || provider === null || !('metadata' in provider) || !('conform' in provider))
    throw optionError('provider', 'must come from a provider function or defineProvider()')
  if (typeof Object(clock).now !== 'function') throw optionError('clock', 'must have a function now()')
  checkTls(maker, tls, clock.now())
  checkRequestHeaders('headers', headers)
}

/**
 * Makes the transport of options that were checked.
 *
 * @param requiresCertificate who says that a client certificate is needed, if anybody does; a transport of the user's own may have one
 * @throws TypeError naming the option
 */
export function connect(options: ConnectionOptions, requiresCertificate: string | undefined): Connection {
  const { provider, tls = {}, headers = {}, clock = systemClock } = options
  const transport = chooseTransport(options.transport, tls)
  if (requiresCertificate !== undefined && !transport.injected && tls.certificate === undefined)
    throw optionError('tls.certificate', `is needed${requiresCertificate}`)
  return {
    provider,
    tls,
    transport: transport.send,
    connection: transport.identity,
    timeoutMs: transport.timeoutMs,
    clock,
    readHeaders: headersReader(provider.conform.requestHeaders, headers),
    close: transport.close,
  }
}

/** What a provider says of client certificates, for {@link connect}. */
export function certificateAt({ name, conform }: Provider): string | undefined {
  return conform.requiresCertificate ? `: ${name} wants a client certificate on every request` : undefined
}

interface ChosenTransport {
  readonly send: Transport
  readonly identity: string
  readonly timeoutMs: number
  readonly injected: boolean
  readonly close: () => Promise<void>
}

function chooseTransport(transport: ConnectionOptions['transport'], tls: TlsOptions): ChosenTransport {
  if (typeof transport === 'function') return userTransport(transport)
  if (transport !== undefined) checkObject('transport', transport)
  const made = createTransport({ ...transport, ...tls })
  const { identity, timeoutMs } = made
  return { send: made, identity, timeoutMs, injected: false, close: () => made.close() }
}

/** One that was made by `createTransport()` has its deadline; one of the user's own is given it. */
function userTransport(transport: Transport & { readonly timeoutMs?: unknown }): ChosenTransport {
  const chosen = { identity: identityOf(transport), injected: true, close: async () => {} }
  const { timeoutMs } = transport
  if (typeof timeoutMs === 'number') return { ...chosen, send: transport, timeoutMs }
  return { ...chosen, send: withDeadline(transport, 30_000), timeoutMs: 30_000 }
}
