/**
 * Signed JWTs from the server, encrypted or not: ID tokens, authorization responses, answers of userinfo and introspection.
 * What they say may be looked at once this has read them (RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725 §3).
 */
import { freezeJson, kindOf } from './body.js'
import type { Client } from './client.js'
import { type ResponseKind, registeredFor } from './client-metadata.js'
import { mostCharacters } from './decryption.js'
import { decryptJwt, isEncrypted } from './encrypted-jwt.js'
import { hasKeys, serverKeys } from './jwks.js'
import { type ExpectedJwt, invalidJwt, type JwtReading, objectIn, shownOf } from './jwt-reading.js'
import { checkServerSignature } from './server-signature.js'
import { isMacAlgorithm, isMacOf, isSameAlgorithm, isSigningAlgorithm, type Signed } from './verification.js'

/** A JWT whose signature holds. */
export interface SignedJwt {
  /** Of the JWS. */
  readonly header: JwtHeader
  /** Frozen, all through. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** The header of a JWS. */
export interface JwtHeader extends Readonly<Record<string, unknown>> {
  /** The algorithm of the signature. */
  readonly alg: string
  /** Names the key. */
  readonly kid?: string | undefined
  /** What kind of JWS it is. */
  readonly typ?: string | undefined
}

/**
 * Reads a JWT: decrypts it where it is encrypted, checks its header, then its signature by the server's keys, or by the
 * client secret where that was registered.
 *
 * @throws ValidationError; `check` is `jwt` (it is none), `encryption`, `alg`, `crit`, `typ`, `kid` (no key fits),
 *   `jwks` (the keys could not be had) or `signature`. TypeError naming `jwks_uri` where the metadata lacks it
 */
export async function readSignedJwt(client: Client, jwt: string, expected: ExpectedJwt): Promise<SignedJwt> {
  const reading = { client, ...expected }
  checkText(reading, jwt)
  const jws = isEncrypted(reading, jwt) ? await decryptJwt(reading, jwt) : jwt
  const [first, last] = dotsIn(reading, jws)
  const header = headerOf(reading, jws.slice(0, first))
  const input = Buffer.from(jws.slice(0, last), 'latin1')
  const checking = checkSignature(reading, header, { alg: header.alg, input, signature: bytesOf(jws.slice(last + 1)) })
  // where the key is at hand it is decided already, and nobody has to wait
  if (checking !== undefined) await checking
  return { header, claims: frozen(reading, objectIn(reading, jws.slice(first + 1, last), 'its payload')) }
}

/**
 * Has the keys at hand for what comes with an answer that is asked for next: what that brings may be good for one use, and
 * should not be waiting for them. Throws nothing.
 */
export async function prepareToRead(client: Client, kind: ResponseKind): Promise<void> {
  if (isMacAlgorithm(registeredFor(client.metadata, kind).algorithm ?? '')) return
  if (hasKeys(client)) await serverKeys(client).prepare(client)
}

function checkText(reading: JwtReading, jwt: unknown): void {
  if (typeof jwt !== 'string') throw invalidJwt(reading, 'jwt', `is ${kindOf(jwt)}; expected a JWT`)
  if (jwt.length > mostCharacters) throw invalidJwt(reading, 'jwt', `has more than ${mostCharacters} characters`)
}

/** Where the second and the third part begin: texts of base64url with dots between them (RFC 7515 §7.1). */
function dotsIn(reading: JwtReading, jws: string): [first: number, last: number] {
  const first = jws.indexOf('.')
  const last = jws.indexOf('.', first + 1)
  const isCompact = first > 0 && last > first + 1 && jws.indexOf('.', last + 1) === -1 && /^[\w.-]+$/.test(jws)
  if (isCompact) return [first, last]
  throw invalidJwt(reading, 'jwt', 'is no signed JWT: expected three parts in base64url')
}

/** Node takes both alphabets of base64; that it was the right one was looked at. This way is the faster one beside RSA. */
function bytesOf(part: string): Buffer {
  return Buffer.from(part, 'base64')
}

interface KnownHeader {
  readonly header: JwtHeader
  readonly kind: ResponseKind
  readonly typ: ExpectedJwt['typ']
}

const mostHeaders = 100
/** Many times what servers write there; anybody can make up a longer one. */
const mostOfHeader = 2_048
const headers = new WeakMap<Client, Map<string, KnownHeader>>()

/** A server signs many JWTs with one header: it is read and checked once. Those that fail are not remembered. */
function headerOf(reading: JwtReading, part: string): JwtHeader {
  const { client, kind, typ } = reading
  const known = headers.get(client) ?? new Map<string, KnownHeader>()
  const before = known.get(part)
  if (before?.kind === kind && before.typ === typ) return before.header
  const header = checkedHeader(reading, part)
  if (part.length > mostOfHeader) return header
  if (known.size >= mostHeaders) known.clear()
  headers.set(client, known)
  // a copy: what is cut out of a text keeps all of that in memory
  known.set(Buffer.from(part).toString(), { header, kind, typ })
  return header
}

/** What is signed in another way than agreed is not looked at, whatever it says (RFC 8725 §3.1, §3.2). */
function checkedHeader(reading: JwtReading, part: string): JwtHeader {
  const header = objectIn(reading, part, 'its header')
  const { alg, crit, b64, kid } = header
  const accepted = acceptedAlgorithms(reading)
  if (typeof alg !== 'string' || !accepted.some(one => isSameAlgorithm(one, alg)))
    throw invalidJwt(reading, 'alg', `is signed by ${shownOf(reading, alg)}; ${wantedAlgorithms(reading, accepted)}`)
  // RFC 7515 §4.1.11: whoever does not understand a critical member has to refuse, and none is understood here
  if (crit !== undefined || b64 !== undefined)
    throw invalidJwt(reading, 'crit', `has a header that must be understood: ${namesIn(reading, crit)}`)
  if (kid !== undefined && typeof kid !== 'string') throw invalidJwt(reading, 'kid', `has a kid that is ${kindOf(kid)}`)
  checkType(reading, header.typ)
  return Object.freeze(header) as JwtHeader
}

/** Where the client was told of no registration, the message says how it is told. */
function wantedAlgorithms({ client, kind }: JwtReading, accepted: readonly string[]): string {
  const wanted = accepted.join(' or ')
  if (registeredFor(client.metadata, kind).algorithm !== undefined) return `${wanted} was registered`
  return `expected ${wanted}, as nothing else was registered; if something was, say so: metadata.${kind}_signed_response_alg`
}

function namesIn(reading: JwtReading, crit: unknown): string {
  const names = [crit].flat().slice(0, 5)
  return names.map(name => shownOf(reading, name)).join(', ')
}

/** As registered; `RS256` where nothing was, or what the server says it uses where that is not among it. */
function acceptedAlgorithms({ client, kind }: JwtReading): readonly string[] {
  const { algorithm } = registeredFor(client.metadata, kind)
  if (algorithm !== undefined) return [algorithm]
  const listed: unknown = client.provider.metadata[`${kind}_signing_alg_values_supported`]
  const usable = Array.isArray(listed) ? listed.filter(alg => typeof alg === 'string' && isSigningAlgorithm(alg)) : []
  return usable.length === 0 || usable.includes('RS256') ? ['RS256'] : usable
}

/** Those that a server, or somebody else, signs for another purpose (RFC 8725 §3.11). */
const otherKinds = [
  'at+jwt',
  'client-authentication+jwt',
  'dpop+jwt',
  'logout+jwt',
  'oauth-authz-req+jwt',
  'secevent+jwt',
  'token-introspection+jwt',
]

/** `application/` may be left out, and letters are alike in any case (RFC 7515 §4.1.9). */
function checkType(reading: JwtReading, typ: unknown): void {
  const { typ: wanted } = reading
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ
  if (wanted === undefined ? !otherKinds.includes(type as string) : [wanted].flat().includes(type as string)) return
  const expected = [wanted ?? []].flat().map(one => one ?? 'none')
  throw invalidJwt(
    reading,
    'typ',
    `has typ ${shownOf(reading, typ)}${wanted === undefined ? '' : `; expected ${expected.join(' or ')}`}`,
  )
}

function checkSignature(reading: JwtReading, header: JwtHeader, signed: Signed): Promise<void> | undefined {
  const { client, what, secrets } = reading
  if (isMacAlgorithm(header.alg)) return checkMac(reading, signed)
  return checkServerSignature(client, { what, keys: serverKeys(client), header, signed, secrets })
}

async function checkMac(reading: JwtReading, signed: Signed): Promise<void> {
  if (isMacOf((await reading.client.auth.secret?.()) ?? '', signed)) return
  throw invalidJwt(reading, 'signature', `does not hold: it is no ${signed.alg} by the client secret`)
}

const mostDepth = 32

/** Claims are handed to many, and kept. */
function frozen(reading: JwtReading, claims: Record<string, unknown>): Readonly<Record<string, unknown>> {
  if (!freezeJson(claims, mostDepth)) throw invalidJwt(reading, 'jwt', `has claims nested more than ${mostDepth} deep`)
  return claims
}
