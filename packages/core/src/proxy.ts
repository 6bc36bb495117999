/** The way of a TCP connection: straight, or through a proxy's tunnel, as the options or the environment say. */
import http from 'node:http'
import https from 'node:https'
import { connect, isIP, type Socket } from 'node:net'
import { checkText, credentialProblem, optionError, parseUrl } from './options.js'
import { ofProxy } from './transport-error.js'

/** Where a TCP connection goes. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Connects to an address. */
export function openSocket(address: Address, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...address, noDelay: true })
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(codedError('ETIMEDOUT', 'the connection was not accepted in time')),
    )
    socket.once('error', reject)
    socket.once('connect', () => resolve(socket.setTimeout(0).off('error', reject)))
  })
}

/**
 * Asks a proxy for a tunnel to an address.
 *
 * @see RFC 9110 §9.3.6, CONNECT
 */
export function openTunnel(proxy: URL, { host, port }: Address, timeoutMs: number): Promise<Socket> {
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  const hostname = proxy.hostname.replace(/^\[|\]$/g, '')
  const options = {
    method: 'CONNECT',
    path: authority,
    host: hostname,
    port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
    headers: { host: authority, ...proxyAuthorization(proxy) },
    agent: false,
    timeout: timeoutMs,
    servername: isIP(hostname) ? '' : hostname,
    rejectUnauthorized: true,
  }
  return new Promise((resolve, reject) => {
    const request = proxy.protocol === 'https:' ? https.request(options) : http.request(options)
    request.once('connect', ({ statusCode = 0 }, socket: Socket) => {
      if (statusCode >= 200 && statusCode < 300) return resolve(socket.setTimeout(0))
      socket.destroy()
      reject(codedError(`PROXY_${statusCode}`, `the proxy refused the tunnel with ${statusCode}`))
    })
    request.once('timeout', () => request.destroy(codedError('PROXY_TIMEOUT', 'the proxy did not answer in time')))
    request.once('error', error => reject(ofProxy(error)))
    request.end()
  })
}

function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function codedError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

/** The proxy a connection goes through, if any. */
export type ProxyFor = (protocol: string, hostname: string, port: number) => URL | undefined

/**
 * The proxy that is given, for https alone; none for `false`; otherwise those of the environment, read now and as curl
 * does: each scheme has its variable, in small letters or capitals.
 *
 * @throws {TypeError} naming `proxy` or the variable
 */
export function chooseProxy(proxy: string | false | undefined): ProxyFor {
  if (proxy === false) return () => undefined
  if (proxy !== undefined) {
    const url = parseProxy('proxy', proxy)
    return protocol => (protocol === 'https:' ? url : undefined)
  }
  const variable = (name: string) => process.env[name.toLowerCase()] || process.env[name] || undefined
  const proxies: Record<string, URL | undefined> = {
    'https:': parseProxy('HTTPS_PROXY', variable('HTTPS_PROXY')),
    'http:': parseProxy('HTTP_PROXY', variable('HTTP_PROXY')),
  }
  const exceptions = (variable('NO_PROXY') ?? '').toLowerCase().split(/[\s,]+/)
  return (protocol, hostname, port) =>
    exceptions.some(entry => isException(entry, hostname, port)) ? undefined : proxies[protocol]
}

function parseProxy(option: string, value: string | undefined): URL | undefined {
  if (value === undefined) return undefined
  checkText(option, value)
  // a URL loses them silently, and the password with them its last character
  if (/\p{Cc}/u.test(value.trim())) throw optionError(option, 'holds a line break or another control character')
  const url = parseUrl(value.includes('://') ? value : `http://${value}`)
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw optionError(option, 'must be the http or https URL of a proxy')
  checkCredentials(option, url)
  return url
}

/** What `openTunnel` decodes. */
function checkCredentials(option: string, { username, password }: URL): void {
  for (const [name, text] of Object.entries({ username, password })) {
    const plain = decoded(text)
    if (plain === undefined)
      throw optionError(option, `its ${name} holds a % that cannot be decoded: write %25 for a %`)
    const problem = plain === '' ? undefined : credentialProblem(plain)
    if (problem !== undefined) throw optionError(option, `its ${name} ${problem}`)
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** An entry of `NO_PROXY`: a host or a domain with all below it, with or without a port; or `*`. */
function isException(entry: string, hostname: string, port: number): boolean {
  if (entry === '' || entry === '*') return entry === '*'
  const [, name = entry, onlyPort] = isIP(entry) ? [] : (/^\[?(.+?)\]?(?::(\d+))?$/.exec(entry) ?? [])
  if (onlyPort !== undefined && Number(onlyPort) !== port) return false
  const domain = name.replace(/^\*?\./, '')
  return hostname === domain || hostname.endsWith(`.${domain}`)
}
