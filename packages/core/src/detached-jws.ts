/**
 * Detached JWS: a signature in a header field, of a body that is sent beside it as it is (RFC 7515 appendix F, RFC 7797). So
 * payments are signed at open banking APIs, and their answers (`x-jws-signature`).
 */
import { freezeJson, isObject, kindOf, parseJson } from './body.js'
import type { Client } from './client.js'
import { type Clock, msToSeconds, systemClock } from './clock.js'
import { checkIsClient } from './endpoints/check-client.js'
import { ValidationError } from './errors.js'
import { ServerKeys, serverKeys } from './jwks.js'
import { checkBoolean, checkFunction, checkObject, checkOptions, checkText, optionError } from './options.js'
import { checkServerSignature } from './server-signature.js'
import { shownName } from './shown-value.js'
import type { JwtHeader } from './signed-jwt.js'
import type { Signer } from './signer.js'
import { isSameAlgorithm, isSigningAlgorithm } from './verification.js'

/** A member of the header that both sides have to understand. */
export interface CriticalMember {
  /** What is sent; `now` in epoch seconds. */
  readonly value: (now: number) => unknown
  /** Whether what came holds; `now` in epoch seconds. */
  readonly check: (value: unknown, now: number) => boolean
}

/** Members by their names in the header, in the order in which `crit` lists them. */
export type CriticalMembers = Readonly<Record<string, CriticalMember>>

/** How a body is signed. */
export interface SignDetachedOptions {
  /** What a profile adds to the header and lists in `crit`, such as `openBankingUk(…)`. Default: nothing. */
  readonly critical?: CriticalMembers | undefined
  /**
   * `false`: the signature is of the body as it is, and `crit` lists `b64` (RFC 7797), as Open Banking UK had it up to version
   * 3.1.3. Default `true`: it is of the body's base64url.
   */
  readonly b64?: boolean | undefined
  /** Further members of the header, such as `typ` and `cty`. Default: `alg` and `kid` alone. */
  readonly header?: Readonly<Record<string, unknown>> | undefined
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
}

/** What a signature has to be. */
export interface VerifyDetachedOptions {
  /** What has to be in the header, and hold; any other member that `crit` lists is refused. Default: nothing. */
  readonly critical?: CriticalMembers | undefined
  /** Default: `PS256` and `ES256` (FAPI 1.0 Advanced §8.6). */
  readonly algorithms?: readonly string[] | undefined
  /** The header's `typ`, where it has one. Default `JOSE`, so that no JWT of the server is taken for a signature. */
  readonly typ?: string | undefined
  /** The keys, where they are others than the server publishes at `jwks_uri`. */
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] } | undefined
}

/** Who signs, as Open Banking UK names them. */
export interface OpenBankingUkOptions {
  /** `<organisation>/<software statement>` of a client in the directory; of a bank its organisation's id, as a rule. */
  readonly issuer: string
  /** Where the key is published. Default `openbanking.org.uk`, the directory. */
  readonly trustAnchor?: string | undefined
}

/**
 * Signs a body.
 *
 * @param signer PS256 for Open Banking UK, with the `kid` of the key in the directory
 * @param body exactly what is sent: its text, or its bytes
 * @returns the value of `x-jws-signature`
 * @throws TypeError naming the option; what the signer throws
 * @see RFC 7515 appendix F, RFC 7797 §3
 */
export async function signDetached(
  signer: Signer,
  body: string | Uint8Array,
  options: SignDetachedOptions = {},
): Promise<string> {
  checkSigning(signer, body, options)
  const { critical = {}, b64 = true, header = {}, clock = systemClock } = options
  const now = msToSeconds(clock.now())
  const members = Object.entries(critical).map(([name, { value }]) => [name, value(now)])
  const raw = b64 ? {} : { b64 }
  const crit = [...Object.keys(raw), ...Object.keys(critical)]
  const { alg, kid } = signer
  const protectedHeader = {
    ...header,
    alg,
    kid,
    ...raw,
    ...Object.fromEntries(members),
    ...(crit.length > 0 && { crit }),
  }
  const first = Buffer.from(JSON.stringify(protectedHeader)).toString('base64url')
  const signature = await signer.sign(signingInput(first, body, b64))
  return `${first}..${Buffer.from(signature).toString('base64url')}`
}

/** The header members that an option is made for. */
const ownMembers = ['alg', 'kid', 'crit', 'b64']

function checkSigning(signer: Signer, body: unknown, options: SignDetachedOptions): void {
  if (typeof Object(signer).sign !== 'function') throw optionError('signer', 'must come from signer({ key, alg, kid })')
  checkBody(body)
  checkOptions('signDetached', options, ['critical', 'b64', 'header', 'clock'])
  const { critical, b64, header = {} } = options
  checkCritical(critical)
  if (b64 !== undefined) checkBoolean('b64', b64)
  checkObject('header', header)
  for (const name of Object.keys(header))
    if (ownMembers.includes(name) || Object.hasOwn(critical ?? {}, name))
      throw optionError(`header.${name}`, 'is not given here: the signer, critical and b64 say it')
}

/** An object that is serialised once for the signature and once for the request may come out as two texts. */
function checkBody(body: unknown): void {
  if (typeof body === 'string' || body instanceof Uint8Array) return
  throw optionError('body', 'must be what is sent, as text or bytes: JSON.stringify() it once, for both')
}

/** Those of the RFCs themselves may not be listed. @see RFC 7515 §4.1.11 */
const registeredMembers = [...ownMembers, 'typ', 'cty', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256']

function checkCritical(critical: CriticalMembers | undefined): void {
  if (critical === undefined) return
  checkObject('critical', critical)
  for (const [name, member] of Object.entries(critical)) {
    if (registeredMembers.includes(name))
      throw optionError(`critical.${name}`, 'is a member that everybody understands')
    checkObject(`critical.${name}`, member)
    checkFunction(`critical.${name}.value`, member.value)
    checkFunction(`critical.${name}.check`, member.check)
  }
}

/** RFC 7797 §3: without `b64` the bytes stand there as they are. */
function signingInput(header: string, body: string | Uint8Array, b64: boolean): Buffer {
  const bytes = Buffer.from(body as Uint8Array)
  return Buffer.concat([Buffer.from(`${header}.`), b64 ? Buffer.from(bytes.toString('base64url')) : bytes])
}

/**
 * Checks the signature of a body that has come, before anybody looks at what it says. Both ways to sign are taken, since the
 * header says which one it was.
 *
 * @param jws the value of `x-jws-signature`; that there is none is refused too
 * @param body what came, as bytes; its text where nothing has changed it
 * @returns the header, frozen
 * @throws ValidationError; `check` is `jws` (there is none, or it cannot be read), `alg`, `typ`, `crit`, `b64`, a critical
 *   member's name, `kid` (no key fits), `jwks` (the keys could not be had) or `signature`. TypeError naming the option
 * @see RFC 7515 §5.2, RFC 7797 §6
 */
export async function verifyDetached(
  client: Client,
  jws: string | null | undefined,
  body: string | Uint8Array,
  options: VerifyDetachedOptions = {},
): Promise<JwtHeader> {
  checkVerifying(client, body, options)
  const refuse: Refuse = (check, problem) => {
    throw new ValidationError(check, `the signature of the body ${problem}`, { provider: client.provider.name })
  }
  const [first, signature] = partsOf(jws, refuse)
  const header = headerOf(first, refuse)
  checkHeader(header, options, { refuse, now: msToSeconds(client.clock.now()) })
  const { jwks } = options
  await checkServerSignature(client, {
    what: 'signature of the body',
    keys: jwks === undefined ? serverKeys(client) : new ServerKeys(async () => jwks.keys),
    header,
    signed: { alg: header.alg, input: signingInput(first, body, header.b64 !== false), signature },
  })
  return header
}

const defaultAlgorithms: readonly string[] = ['PS256', 'ES256']

type Refuse = (check: string, problem: string) => never

function checkVerifying(client: Client, body: unknown, options: VerifyDetachedOptions): void {
  checkIsClient(client, 'verifyDetached(client, jws, body, options)')
  checkBody(body)
  checkOptions('verifyDetached', options, ['critical', 'algorithms', 'typ', 'jwks'])
  const { critical, algorithms = defaultAlgorithms, typ, jwks } = options
  checkCritical(critical)
  if (!Array.isArray(algorithms) || algorithms.length === 0 || !algorithms.every(alg => isSigningAlgorithm(alg)))
    throw optionError('algorithms', 'must be a list of RS, PS or ES with 256, 384 or 512, EdDSA or Ed25519')
  if (typ !== undefined) checkText('typ', typ)
  if (jwks !== undefined && !Array.isArray(Object(jwks).keys))
    throw optionError('jwks', 'must be a JWK set: an object with a list of keys')
}

/** A header field is read before anything is known of who sent it. */
const mostCharacters = 16_384

function partsOf(jws: unknown, refuse: Refuse): [header: string, signature: Buffer] {
  if (jws === undefined || jws === null || jws === '') refuse('jws', 'is missing')
  if (typeof jws !== 'string') refuse('jws', `is ${kindOf(jws)}; expected a text`)
  if (jws.length > mostCharacters) refuse('jws', `has more than ${mostCharacters} characters`)
  const [, header, signature] = /^([\w-]+)\.\.([\w-]+)$/.exec(jws) ?? []
  if (header === undefined || signature === undefined)
    return refuse('jws', 'is no detached JWS: expected a header and a signature in base64url, and nothing between them')
  return [header, Buffer.from(signature, 'base64url')]
}

function headerOf(part: string, refuse: Refuse): JwtHeader {
  const header = parseJson(Buffer.from(part, 'base64url').toString())
  if (!isObject(header) || !freezeJson(header, 8)) refuse('jws', 'cannot be read: its header is no JSON object')
  return header as JwtHeader
}

interface Circumstances {
  readonly refuse: Refuse
  /** Epoch seconds. */
  readonly now: number
}

function checkHeader(header: JwtHeader, options: VerifyDetachedOptions, { refuse, now }: Circumstances): void {
  const { algorithms = defaultAlgorithms, typ: wantedType = 'JOSE', critical = {} } = options
  const { alg, typ, kid } = header as Readonly<Record<string, unknown>>
  if (typeof alg !== 'string' || !algorithms.some(one => isSameAlgorithm(one, alg)))
    refuse('alg', `is by ${shownName(alg)}; expected ${algorithms.join(' or ')}`)
  if (kid !== undefined && typeof kid !== 'string') refuse('kid', `has a kid that is ${kindOf(kid)}`)
  if (typ !== undefined && String(typ).toLowerCase() !== wantedType.toLowerCase())
    refuse('typ', `has typ ${shownName(typ)}; expected ${wantedType}, or none`)
  checkCrit(header, Object.keys(critical), refuse)
  for (const [name, { check }] of Object.entries(critical)) {
    const value = Object.hasOwn(header, name) ? header[name] : undefined
    if (value === undefined) refuse(name, `lacks ${name} in its header`)
    if (!check(value, now)) refuse(name, `has another ${name} than expected: ${shownName(value)}`)
  }
}

/** Whoever does not understand a critical member has to refuse. @see RFC 7515 §4.1.11, RFC 7797 §6 */
function checkCrit(header: JwtHeader, understood: readonly string[], refuse: Refuse): void {
  const { crit, b64 } = header
  const listed: unknown[] =
    crit === undefined
      ? []
      : Array.isArray(crit) && crit.length > 0
        ? crit
        : refuse('crit', 'has a crit that is no list of names')
  for (const name of listed) {
    if (typeof name !== 'string' || ![...understood, 'b64'].includes(name))
      refuse('crit', `has a header that must be understood and is not: ${shownName(name)}`)
    if (!Object.hasOwn(header, name)) refuse('crit', `lists ${name} as critical, which its header lacks`)
  }
  if (new Set(listed).size !== listed.length) refuse('crit', 'lists a critical member twice')
  if (b64 !== undefined && typeof b64 !== 'boolean') refuse('b64', `has a b64 that is ${kindOf(b64)}`)
  if (b64 === false && !listed.includes('b64')) refuse('b64', 'has b64 without listing it as critical')
}

/**
 * What Open Banking UK adds to the header: when it was signed, by whom, and who vouches for the key. Give it for what you sign
 * with your own `issuer`, and for what you check with that of the bank.
 *
 * @throws TypeError naming the option
 * @see Open Banking Read/Write API Profile, Message Signing
 */
export function openBankingUk(options: OpenBankingUkOptions): CriticalMembers {
  checkOptions('openBankingUk', options, ['issuer', 'trustAnchor'])
  const { issuer, trustAnchor = 'openbanking.org.uk' } = options
  checkText('issuer', issuer)
  checkText('trustAnchor', trustAnchor)
  const exactly = (text: string): CriticalMember => ({ value: () => text, check: value => value === text })
  return {
    'http://openbanking.org.uk/iat': { value: now => now, check: isPast },
    'http://openbanking.org.uk/iss': exactly(issuer),
    'http://openbanking.org.uk/tan': exactly(trustAnchor),
  }
}

/** How far clocks may be apart, in seconds. */
const clockToleranceSeconds = 60

/** How long ago is no matter: what a bank has signed stays signed. */
function isPast(value: unknown, now: number): boolean {
  return typeof value === 'number' && value > 0 && value <= now + clockToleranceSeconds
}
