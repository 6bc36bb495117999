/** A client assertion that is made elsewhere: by Kubernetes, SPIFFE or a CI system, as a file or by a function (RFC 7523 §2.2). */
import { open } from 'node:fs/promises'
import { isObject, parseJson } from '../body.js'
import { secondsToMs } from '../clock.js'
import { GrantKitError } from '../errors.js'
import { checkCredential, checkFunction, checkOptions, checkText, credentialProblem, optionError } from '../options.js'
import { fingerprint, identityOf } from '../secret.js'
import type { ClientAuth } from './client-auth.js'

/** Where the assertion comes from, and how it is sent. */
export interface ClientAssertionOptions {
  /** Asked for the assertion before each request. It, or `file`, is needed. */
  readonly assertion?: (() => string | Promise<string>) | undefined
  /** The path of a file that holds it, such as a projected token of Kubernetes; read before each request, 64 KiB at most. */
  readonly file?: string | undefined
  /**
   * `client_assertion_type`. Default `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`; a JWT-SVID of SPIFFE goes by
   * `urn:ietf:params:oauth:client-assertion-type:jwt-spiffe`.
   */
  readonly type?: string | undefined
  /** Its name in `token_endpoint_auth_methods_supported`. Default `private_key_jwt`; with the type of SPIFFE, `spiffe_jwt`. */
  readonly method?: string | undefined
}

/**
 * Sends an assertion that somebody else made, as it is at that moment. One that has expired is not sent; one without an
 * `exp` that can be read is.
 *
 * @throws TypeError naming the option
 * @see RFC 7521 §4.2, RFC 7523 §2.2
 */
export function clientAssertion(options: ClientAssertionOptions): ClientAuth {
  checkOptions('clientAssertion', options, ['assertion', 'file', 'type', 'method'])
  const { assertion, file, type = jwtBearer } = options
  const { method = type === jwtSpiffe ? 'spiffe_jwt' : 'private_key_jwt' } = options
  checkText('type', type)
  checkText('method', method)
  const read = readerOf(assertion, file)
  return {
    method,
    identity: JSON.stringify(['client assertion', file ?? identityOf(Object(assertion)), type]),
    fingerprint: async () => fingerprint(file === undefined ? lasting(await read()) : await read()),
    async authenticate(parameters, { clientId, clock }) {
      const current = await read()
      if (type === jwtBearer || type === jwtSpiffe) refuseNoJwt(current, file)
      refuseExpired(current, file, clock.now())
      const proof = { client_id: clientId, client_assertion_type: type, client_assertion: current }
      return { parameters: { ...parameters, ...proof }, headers: {} }
    },
  }
}

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** @see draft-ietf-oauth-spiffe-client-auth §3.1 */
const jwtSpiffe = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'

function readerOf(assertion: unknown, file: string | undefined): () => Promise<string> {
  if (assertion !== undefined && file !== undefined)
    throw optionError('file', 'the assertion is given twice; remove either assertion or file')
  if (file !== undefined) {
    checkCredential('file', file)
    return () => readFile(file)
  }
  if (assertion === undefined)
    throw optionError('assertion', 'is needed: a function that returns the assertion, or file')
  checkFunction('assertion', assertion)
  return async () => usable(await (assertion as () => unknown)(), 'what the function returned')
}

const mostBytes = 65_536

/** What a file system says holds the path and nothing of the content. */
async function readFile(path: string): Promise<string> {
  const text = await readBeginning(path).catch(cause => {
    throw unusable(`${path} cannot be read: ${Object(cause).code ?? Object(cause).name}`, { cause })
  })
  if (text.length > mostBytes) throw unusable(`${path} holds more than ${mostBytes} bytes`)
  return usable(text, path)
}

/** Of a device or a mistaken path there may be no end. */
async function readBeginning(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(mostBytes + 1), 0, mostBytes + 1, null)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

function usable(value: unknown, where: string): string {
  if (typeof value !== 'string') throw unusable(`${where} is no text`)
  const text = value.replace(/^\ufeff/, '').trim()
  if (text === '') throw unusable(`${where} is empty`)
  const problem = credentialProblem(text)
  if (problem !== undefined) throw unusable(`${where} ${problem}`)
  return text
}

/** Who makes assertions may make another a moment later, so that the same call can succeed. */
function unusable(problem: string, options: { readonly cause?: unknown } = {}): GrantKitError {
  const more = { ...options, retryable: true, neverSent: true }
  return new GrantKitError('ERR_CLIENT_AUTHENTICATION', `clientAssertion: ${problem}`, more)
}

/** What is read by mistake, such as a key, is sent nowhere. */
function refuseNoJwt(assertion: string, file: string | undefined): void {
  if (!/^[\w-]+(?:\.[\w-]*){2,4}$/.test(assertion)) throw unusable(`${named(file)} is no JWT`)
}

function refuseExpired(assertion: string, file: string | undefined, now: number): void {
  const { exp } = claimsOf(assertion)
  if (typeof exp !== 'number' || now < secondsToMs(exp)) return
  throw unusable(
    `${named(file)} has expired, ${sinceWhen(secondsToMs(exp), now)}; whoever makes it has to make another`,
  )
}

function named(file: string | undefined): string {
  return file === undefined ? 'what the function returned' : `what is in ${file}`
}

/** An instant beyond what a date can hold is long ago, or a number that is none. */
function sinceWhen(expiredAt: number, now: number): string {
  const date = new Date(expiredAt)
  const at = Number.isNaN(date.getTime()) ? 'at a time that is no date' : `at ${date.toISOString()}`
  return `${at}, ${Math.round((now - expiredAt) / 1000)} s ago`
}

/** Those of the JWT; none of what is no JWT. It is not verified: that is for whom it is shown to. */
function claimsOf(assertion: string): Readonly<Record<string, unknown>> {
  const [, payload = ''] = assertion.split('.')
  const claims = parseJson(Buffer.from(payload, 'base64url').toString())
  return isObject(claims) ? claims : {}
}

/**
 * What stays the same when a function makes another assertion for the same workload at each call: refused once, the next
 * would be refused as well.
 */
function lasting(assertion: string): string {
  const { iat, nbf, exp, jti, ...claims } = claimsOf(assertion)
  return Object.keys(claims).length === 0 ? assertion : JSON.stringify(claims)
}
