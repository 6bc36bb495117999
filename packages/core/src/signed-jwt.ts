/**
 * Signed JWTs from the server, encrypted or not: ID tokens, authorization responses, answers of userinfo and introspection.
 * What they say may be looked at once this has read them (RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725 §3).
 */
import { freezeJson, isObject, kindOf, parseJson } from './body.js'
import type { Client } from './client.js'
import { type ResponseKind, registeredFor } from './client-metadata.js'
import {
  asymmetricEncryption,
  contentEncryption,
  decrypt,
  type Encryption,
  keyOfSecret,
  mostCharacters,
  symmetricEncryption,
} from './decryption.js'
import { ValidationError } from './errors.js'
import { hasKeys, serverKeys } from './jwks.js'
import { redact } from './redaction/redact.js'
import { checkServerSignature } from './server-signature.js'
import { isMacAlgorithm, isMacOf, isSameAlgorithm, isSigningAlgorithm, type Signed } from './verification.js'

/** What a JWT has to be. */
export interface ExpectedJwt {
  /** As a message names it, such as `ID token`. */
  readonly what: string
  /** By which registration it is signed and encrypted. */
  readonly kind: ResponseKind
  /**
   * The `typ` it must have, such as `token-introspection+jwt`, in small letters; or those it may have, `undefined` among them
   * where it may have none. Default: any but that of another kind of JWT.
   */
  readonly typ?: string | readonly (string | undefined)[] | undefined
  /** What may stand in no message, should the server repeat it. Default: nothing but what looks like a token. */
  readonly secrets?: readonly (string | undefined)[] | undefined
}

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
  const reading: Reading = { client, expected }
  const jws = isPlain(reading, jwt) ? jwt : await decrypted(reading, jwt)
  const [first, last] = dotsIn(reading, jws)
  const header = headerOf(reading, jws.slice(0, first))
  const input = Buffer.from(jws.slice(0, last), 'latin1')
  await checkSignature(reading, header, { alg: header.alg, input, signature: bytesOf(jws.slice(last + 1)) })
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

/** A JWT that is being read, and for whom. */
interface Reading {
  readonly client: Client
  readonly expected: ExpectedJwt
}

function invalid({ client, expected }: Reading, check: string, problem: string): ValidationError {
  return new ValidationError(check, `the ${expected.what} ${problem}`, { provider: client.provider.name })
}

/** A value of the server's, as a message may show it. */
function shown({ client, expected }: Reading, value: unknown): string {
  if (typeof value !== 'string') return kindOf(value)
  const open = [client.id, client.provider.metadata.issuer]
  return `"${redact(value, 100, { secrets: secretsOf(expected), open })}"`
}

/** The name of a key, also where it looks like a token, as a thumbprint does. */
function named({ expected }: Reading, kid: string): string {
  return `"${redact(kid, 100, { secrets: secretsOf(expected), open: [kid] })}"`
}

function secretsOf({ secrets = [] }: ExpectedJwt): string[] {
  return secrets.filter(secret => secret !== undefined && secret !== '') as string[]
}

/** Whether it is signed alone. What the server was to encrypt has to be, since somebody else may have signed what is not. */
function isPlain(reading: Reading, jwt: unknown): boolean {
  if (typeof jwt !== 'string') throw invalid(reading, 'jwt', `is ${kindOf(jwt)}; expected a JWT`)
  if (jwt.length > mostCharacters) throw invalid(reading, 'jwt', `has more than ${mostCharacters} characters`)
  if (isEncrypted(jwt)) return false
  const alg = reading.client.metadata[`${reading.expected.kind}_encrypted_response_alg`]
  if (alg === undefined) return true
  throw invalid(reading, 'encryption', `is not encrypted; ${alg} was registered`)
}

/** By its five parts (RFC 7516 §9). */
function isEncrypted(jwt: string): boolean {
  const third = jwt.indexOf('.', jwt.indexOf('.', jwt.indexOf('.') + 1) + 1)
  return third !== -1 && /^[\w-]+(?:\.[\w-]*){4}$/.test(jwt)
}

async function decrypted(reading: Reading, jwe: string): Promise<string> {
  const header = objectIn(reading, jwe.slice(0, jwe.indexOf('.')), 'its header')
  const encryption = checkedEncryption(reading, header)
  const keys = await keysFor(reading.client, encryption, header.kid)
  const text = await decrypt(jwe, encryption, keys)
  if (text !== undefined) return text
  const which = typeof header.kid === 'string' ? `kid ${named(reading, header.kid)}` : 'no kid'
  const tried = keys.length === 0 ? 'none of the decryptionKeys fits' : 'no key that fits opens it'
  throw invalid(reading, 'encryption', `cannot be decrypted (${encryption.alg}, ${which}): ${tried}`)
}

/** As registered; where nothing was, by any of the client's own keys. */
function checkedEncryption(reading: Reading, { alg, enc }: Readonly<Record<string, unknown>>): Encryption {
  const { encryption: registered } = registeredFor(reading.client.metadata, reading.expected.kind)
  const algs = registered === undefined ? asymmetricEncryption : [registered.alg]
  const encs = registered === undefined ? contentEncryption : [registered.enc]
  if (registered === undefined && reading.client.decryptionKeys.size === 0)
    throw invalid(reading, 'encryption', 'is encrypted, and the client has no decryptionKeys')
  if (algs.includes(alg as string) && encs.includes(enc as string)) return { alg, enc } as Encryption
  const wanted = registered === undefined ? `taken are ${algs.join(', ')}` : `registered was ${algs[0]} with ${encs[0]}`
  throw invalid(reading, 'encryption', `is encrypted by ${shown(reading, alg)} with ${shown(reading, enc)}; ${wanted}`)
}

async function keysFor(client: Client, encryption: Encryption, kid: unknown): Promise<Parameters<typeof decrypt>[2]> {
  const { alg } = encryption
  if (!symmetricEncryption.includes(alg)) return client.decryptionKeys.for(alg, kid)
  return [keyOfSecret((await client.auth.secret?.()) ?? '', encryption)]
}

/** Where the second and the third part begin: texts of base64url with dots between them (RFC 7515 §7.1). */
function dotsIn(reading: Reading, jws: string): [first: number, last: number] {
  const first = jws.indexOf('.')
  const last = jws.indexOf('.', first + 1)
  const isCompact = first > 0 && last > first + 1 && jws.indexOf('.', last + 1) === -1 && /^[\w.-]+$/.test(jws)
  if (isCompact) return [first, last]
  throw invalid(reading, 'jwt', 'is no signed JWT: expected three parts in base64url')
}

/** Node takes both alphabets of base64; that it was the right one was looked at. This way is the faster one beside RSA. */
function bytesOf(part: string): Buffer {
  return Buffer.from(part, 'base64')
}

function objectIn(reading: Reading, part: string, name: string): Record<string, unknown> {
  const value = parseJson(Buffer.from(part, 'base64url').toString())
  if (isObject(value)) return value
  throw invalid(reading, 'jwt', `cannot be read: ${name} is no JSON object`)
}

interface KnownHeader {
  readonly header: JwtHeader
  readonly expected: ExpectedJwt
}

const mostHeaders = 100
/** Many times what servers write there; anybody can make up a longer one. */
const mostOfHeader = 2_048
const headers = new WeakMap<Client, Map<string, KnownHeader>>()

/** A server signs many JWTs with one header: it is read and checked once. Those that fail are not remembered. */
function headerOf(reading: Reading, part: string): JwtHeader {
  const { client, expected } = reading
  const known = headers.get(client) ?? new Map<string, KnownHeader>()
  const before = known.get(part)
  if (before?.expected.kind === expected.kind && before.expected.typ === expected.typ) return before.header
  const header = checkedHeader(reading, part)
  if (part.length > mostOfHeader) return header
  if (known.size >= mostHeaders) known.clear()
  headers.set(client, known)
  // a copy: what is cut out of a text keeps all of that in memory
  known.set(Buffer.from(part).toString(), {
    header,
    expected: { what: expected.what, kind: expected.kind, typ: expected.typ },
  })
  return header
}

/** What is signed in another way than agreed is not looked at, whatever it says (RFC 8725 §3.1, §3.2). */
function checkedHeader(reading: Reading, part: string): JwtHeader {
  const header = objectIn(reading, part, 'its header')
  const { alg, crit, b64, kid } = header
  const accepted = acceptedAlgorithms(reading)
  if (typeof alg !== 'string' || !accepted.some(one => isSameAlgorithm(one, alg)))
    throw invalid(reading, 'alg', `is signed by ${shown(reading, alg)}; ${wantedAlgorithms(reading, accepted)}`)
  // RFC 7515 §4.1.11: whoever does not understand a critical member has to refuse, and none is understood here
  if (crit !== undefined || b64 !== undefined)
    throw invalid(reading, 'crit', `has a header that must be understood: ${namesIn(reading, crit)}`)
  if (kid !== undefined && typeof kid !== 'string') throw invalid(reading, 'kid', `has a kid that is ${kindOf(kid)}`)
  checkType(reading, header.typ)
  return Object.freeze(header) as JwtHeader
}

/** Where the client was told of no registration, the message says how it is told. */
function wantedAlgorithms({ client, expected: { kind } }: Reading, accepted: readonly string[]): string {
  const wanted = accepted.join(' or ')
  if (registeredFor(client.metadata, kind).algorithm !== undefined) return `${wanted} was registered`
  return `expected ${wanted}, as nothing else was registered; if something was, say so: metadata.${kind}_signed_response_alg`
}

function namesIn(reading: Reading, crit: unknown): string {
  const names = [crit].flat().slice(0, 5)
  return names.map(name => shown(reading, name)).join(', ')
}

/** As registered; `RS256` where nothing was, or what the server says it uses where that is not among it. */
function acceptedAlgorithms({ client, expected: { kind } }: Reading): readonly string[] {
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
function checkType(reading: Reading, typ: unknown): void {
  const { typ: wanted } = reading.expected
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ
  if (wanted === undefined ? !otherKinds.includes(type as string) : [wanted].flat().includes(type as string)) return
  const expected = [wanted ?? []].flat().map(one => one ?? 'none')
  throw invalid(
    reading,
    'typ',
    `has typ ${shown(reading, typ)}${wanted === undefined ? '' : `; expected ${expected.join(' or ')}`}`,
  )
}

async function checkSignature(reading: Reading, header: JwtHeader, signed: Signed): Promise<void> {
  const { client, expected } = reading
  if (isMacAlgorithm(header.alg)) return checkMac(reading, signed)
  const shownKid = (kid: string) => named(reading, kid)
  await checkServerSignature(client, { what: expected.what, keys: serverKeys(client), header, signed, shownKid })
}

async function checkMac(reading: Reading, signed: Signed): Promise<void> {
  if (isMacOf((await reading.client.auth.secret?.()) ?? '', signed)) return
  throw invalid(reading, 'signature', `does not hold: it is no ${signed.alg} by the client secret`)
}

const mostDepth = 32

/** Claims are handed to many, and kept. */
function frozen(reading: Reading, claims: Record<string, unknown>): Readonly<Record<string, unknown>> {
  if (!freezeJson(claims, mostDepth)) throw invalid(reading, 'jwt', `has claims nested more than ${mostDepth} deep`)
  return claims
}
