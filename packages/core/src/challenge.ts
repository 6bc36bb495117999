/** What an API's refusal says of the token (RFC 6750 §3, RFC 9110 §11.6.1): whether a new one may help. */
import type { AccessTokenType } from './binding.js'
import { LoginRequiredError } from './errors.js'
import type { ApiRefusal, Provider } from './provider.js'
import type { TokenSource } from './token-source.js'

/** Whether an answer with this status may reject the token, so that the rest of it is worth a look. */
export function mayReject(status: number, provider: Provider | undefined): boolean {
  return (provider?.conform.rejectionStatuses ?? [401]).includes(status)
}

/**
 * Whether an API wants its nonce in the proof, and has not looked at the token yet: no reason to renew it.
 *
 * @see RFC 9449 §9
 */
export function wantsNonce(wwwAuthenticate: string): boolean {
  return /\buse_dpop_nonce\b/.test(wwwAuthenticate)
}

/**
 * Whether an API rejected the token itself. Only a credible challenge counts: `invalid_token`, or the provider's own
 * rule; never `insufficient_scope`, never another status. Headers are searched, not parsed: gateways send malformed ones.
 */
export function isTokenRejected(refusal: ApiRefusal, provider: Provider | undefined): boolean {
  if (!mayReject(refusal.status, provider)) return false
  const recognize = provider?.conform.recognizeRejection
  if (recognize !== undefined) return recognize(refusal)
  return /\binvalid_token\b/.test(refusal.wwwAuthenticate)
}

/**
 * Whether a refusal gives no reason, so that the token may be one: there is no challenge, none that follows the grammar,
 * or one of the token's own scheme without an error. RFC 6750 §3.1 means the last for requests without a token, but a server that is told to
 * keep its reasons to itself says it of dead ones too. A challenge of another scheme, or with another error, is a reason.
 */
export function isUnexplained(
  refusal: ApiRefusal,
  provider: Provider | undefined,
  tokenType: AccessTokenType = 'Bearer',
): boolean {
  const { status, wwwAuthenticate: header } = refusal
  if (!mayReject(status, provider) || provider?.conform.recognizeRejection !== undefined) return false
  if (header.trim() === '') return true
  const challenges = challengesOf(header)
  const own = tokenType.toLowerCase()
  if (challenges === undefined) return !givesReason(header, own)
  return challenges.some(({ scheme }) => scheme === own) && !challenges.some(({ members }) => members.get('error'))
}

/** The login an API wants to have seen (RFC 9470 §3). */
export interface StepUp {
  /** `acr_values`, the preferred one first; `undefined` when the challenge names none. */
  readonly acrValues: readonly string[] | undefined
  /** `max_age`, in seconds; `undefined` when the challenge names none. */
  readonly maxAgeSeconds: number | undefined
}

/**
 * What a challenge with `insufficient_user_authentication` asks for; `undefined` for any other. Beside `invalid_token` it
 * says nothing yet: a new token comes first.
 *
 * @see RFC 9470 §3
 */
export function readStepUp(refusal: ApiRefusal, provider: Provider | undefined): StepUp | undefined {
  const { status, wwwAuthenticate: header } = refusal
  if (!mayReject(status, provider) || !header.includes(stepUpError)) return undefined
  const challenges = challengesOf(header) ?? [{ scheme: '', members: membersIn(header) }]
  const errors = challenges.map(({ members }) => members.get('error'))
  const members = challenges[errors.indexOf(stepUpError)]?.members
  if (members === undefined || errors.includes('invalid_token')) return undefined
  return { acrValues: acrValuesIn(members.get('acr_values')), maxAgeSeconds: maxAgeIn(members.get('max_age')) }
}

const stepUpError = 'insufficient_user_authentication'

function acrValuesIn(text = ''): readonly string[] | undefined {
  const values = text.split(/\s+/).filter(value => /^[\x21-\x7e]{1,255}$/.test(value))
  return values.length === 0 ? undefined : values.slice(0, 20)
}

/** It is for one who authorizes again to send on, so that nothing but digits may pass. */
function maxAgeIn(text = ''): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

/** For callers of a user's source: no renewal would help, since a refresh is no login. */
export function stepUpRequired({ client, subject }: TokenSource, stepUp: StepUp): LoginRequiredError {
  const { acrValues, maxAgeSeconds } = stepUp
  const wanted = [
    acrValues && `acr ${acrValues.join(' or ')}`,
    maxAgeSeconds !== undefined && `at most ${maxAgeSeconds} s ago`,
  ]
  const login = ['another login', ...wanted.filter(Boolean)].join(', ')
  return new LoginRequiredError(`The user must log in: the API wants ${login}`, {
    provider: client?.provider.name,
    subject,
    reason: stepUpError,
    acrValues,
    maxAgeSeconds,
  })
}

/**
 * Where a challenge says that the API's metadata is, whatever its scheme: a text to be checked; `undefined` where it does not
 * say, or follows no grammar.
 *
 * @see RFC 9728 §5.1
 */
export function resourceMetadataIn(wwwAuthenticate: string): string | undefined {
  const named = challengesOf(wwwAuthenticate)?.map(({ members }) => members.get('resource_metadata'))
  return named?.find(url => url !== undefined)
}

interface Challenge {
  /** In lower case. */
  readonly scheme: string
  /** By their names in lower case; the first of each. */
  readonly members: Map<string, string>
}

const separators = /[\s,]*/y
const schemeName = /([\w!#$%&'*+.^`|~-]+)(?:[ \t]+|(?=,|$))/y
const parameter = /([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+))\s*(?:,|$)/y
const token68 = /[\w~+/.-]+=*\s*(?:,|$)/y

/** Reads a header as RFC 9110 §11.6.1 writes it; `undefined` where it does not follow. */
function challengesOf(header: string): readonly Challenge[] | undefined {
  const challenges: Challenge[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(header)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  const takeParameter = (challenge: Challenge | undefined): boolean => {
    const pair = challenge === undefined ? null : take(parameter)
    if (challenge !== undefined && pair !== null) addMember(challenge.members, pair)
    return pair !== null
  }
  for (take(separators); at < header.length; take(separators)) {
    if (takeParameter(challenges.at(-1))) continue
    const scheme = take(schemeName)?.[1]
    if (scheme === undefined) return undefined
    const challenge = { scheme: scheme.toLowerCase(), members: new Map<string, string>() }
    challenges.push(challenge)
    const isAlone = at === header.length || header[at] === ','
    if (!isAlone && !takeParameter(challenge) && take(token68) === null) return undefined
  }
  return challenges
}

/** Of a header that follows no grammar: whatever reads like a parameter. A name is tried from its beginning alone. */
function membersIn(header: string): Map<string, string> {
  const members = new Map<string, string>()
  for (const pair of header.matchAll(/(?<![\w-])([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g))
    addMember(members, pair)
  return members
}

function addMember(members: Map<string, string>, [, name = '', quoted, token = '']: readonly string[]): void {
  const known = name.toLowerCase()
  if (!members.has(known)) members.set(known, quoted?.replace(/\\(.)/g, '$1') ?? token)
}

/** Of a header that follows no grammar: whether it names another scheme all the same, or an error that is no dead token. */
function givesReason(header: string, own: string): boolean {
  if (/\b(?:insufficient_\w+|use_dpop_nonce|invalid_dpop_proof)\b/.test(header)) return true
  const scheme = /^[\s,]*([\w-]+)\s+[\w-]+\s*=/.exec(header)?.[1]?.toLowerCase()
  return scheme === own ? /\binvalid_request\b/.test(header) : scheme !== undefined
}
