/** Headers of requests to a server's endpoints beside the protocol's own: what gateways ask for, and who is asking. */
import { GrantKitError } from './errors.js'
import { optionError, refusePromise } from './options.js'
import type { Secret } from './secret.js'
import { version } from './version.js'

/**
 * Headers by name. A function is asked before every request, so that a key may change. Values may be secrets: none of
 * them stands in an error, an event or a printed object.
 */
export type RequestHeaders = Readonly<Record<string, Secret>>

/** Headers as they are sent, in small letters. */
export interface ReadHeaders {
  /** By name. */
  readonly headers: Readonly<Record<string, string>>
  /** The values that may stand in no error. */
  readonly secrets: readonly string[]
}

/** Names that belong to the protocol, to the connection, or to client authentication. */
const protectedNames =
  /^(authorization|proxy-.*|content-.*|host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|dpop)$/

/**
 * Refuses headers that cannot be sent, and those that would replace the protocol's own.
 *
 * @throws TypeError naming the option and the header, never its value
 */
export function checkRequestHeaders(option: string, headers: unknown): asserts headers is RequestHeaders {
  refusePromise(option, headers)
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers) || Symbol.iterator in headers)
    throw optionError(option, "must be an object, such as { 'x-api-key': key }")
  const names = new Set<string>()
  for (const [name, value] of Object.entries(headers)) {
    checkName(option, name)
    if (names.has(name.toLowerCase())) throw optionError(`${option}.${name}`, 'is given twice')
    names.add(name.toLowerCase())
    refusePromise(`${option}.${name}`, value)
    const problem = typeof value === 'function' ? undefined : valueProblem(value)
    if (problem !== undefined) throw optionError(`${option}.${name}`, problem)
  }
}

function checkName(option: string, name: string): void {
  // RFC 9110 §5.6.2
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw optionError(option, 'holds a name that no header can have')
  if (protectedNames.test(name.toLowerCase()))
    throw optionError(`${option}.${name}`, 'belongs to the protocol and cannot be given here')
}

/** RFC 9110 §5.5, less what is obsolete. */
function valueProblem(value: unknown): string | undefined {
  if (value === undefined) return 'is undefined: an environment variable that is not set?'
  if (typeof value !== 'string' || value === '')
    return 'must be a string that is not empty, or a function that returns one'
  if (/[\r\n]$/.test(value)) return 'ends with a line break: trim what comes from a file'
  return /^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/.test(value)
    ? undefined
    : 'holds a character no header can have, or a blank at its beginning or end'
}

/** The same headers, of which printing shows no value. */
export function hidden(headers: RequestHeaders): RequestHeaders {
  const entries = Object.entries(headers)
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === 'string' ? () => value : value]))
}

/**
 * What reads the headers as they are now, by functions that reject with a GrantKitError when they give what cannot be sent;
 * where there is no function, they are put together once. Of several that are given the same name the last counts. Without
 * a `user-agent` among them there is ours, since firewalls refuse requests without one.
 */
export function headersReader(...given: readonly (RequestHeaders | undefined)[]): () => Promise<ReadHeaders> {
  const entries = given.flatMap(one => Object.entries(one ?? {}))
  if (entries.some(([, value]) => typeof value !== 'string')) return async () => withSecrets(await readValues(entries))
  const read = withSecrets(entries as readonly [string, string][])
  return async () => read
}

async function readValues(entries: readonly [string, Secret][]): Promise<readonly [string, string][]> {
  const read: [string, string][] = []
  for (const [name, value] of entries)
    read.push([name, typeof value === 'string' ? value : await readValue(name, value)])
  return read
}

function withSecrets(entries: readonly [string, string][]): ReadHeaders {
  const headers: Record<string, string> = { 'user-agent': `grantkit/${version}` }
  for (const [name, value] of entries) headers[name.toLowerCase()] = value
  const secrets = Object.entries(headers).filter(([name]) => !['user-agent', 'accept'].includes(name))
  return { headers, secrets: secrets.map(([, value]) => value) }
}

async function readValue(name: string, read: () => string | Promise<string>): Promise<string> {
  const value = await called(name, read)
  const problem = valueProblem(value)
  if (problem === undefined) return value as string
  const message = `header ${name}: what the function returned ${problem}`
  throw new GrantKitError('ERR_CLIENT_AUTHENTICATION', message, { neverSent: true })
}

async function called(name: string, read: () => string | Promise<string>): Promise<unknown> {
  try {
    return await read()
  } catch (cause) {
    const message = `header ${name}: the function failed`
    throw new GrantKitError('ERR_CLIENT_AUTHENTICATION', message, { retryable: true, neverSent: true, cause })
  }
}
