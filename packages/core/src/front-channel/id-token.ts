/** ID tokens: what the server says of a login, checked claim by claim (OpenID Connect Core §3.1.3.7, §3.3.2.11, §3.3.3.6). */
import { hash } from 'node:crypto'
import { kindOf } from '../body.js'
import type { Client } from '../client.js'
import { msToSeconds } from '../clock.js'
import { ValidationError } from '../errors.js'
import {
  audienceIn,
  type CheckedClaims,
  checkAudience,
  checkIssuer,
  checkRequired,
  checkTimes,
  clockToleranceSeconds,
  invalidClaim as invalid,
  isText,
  shownClaim as shown,
  timeIn,
} from '../jwt-claims.js'
import { type JwtHeader, readSignedJwt } from '../signed-jwt.js'
import { type IdTokenClaims, keepIdTokenClaims, type TokenSet } from '../token-set.js'

/** What an ID token has to agree with. */
export interface ExpectedIdToken {
  /** `nonce` of the authorization request. Default: none was sent, and none may come. */
  readonly nonce?: string | undefined
  /** What `at_hash` is of, where that is there. */
  readonly accessToken?: string | undefined
  /** What `c_hash` is of, where that is there. */
  readonly code?: string | undefined
  /** What `s_hash` is of, where that is there. */
  readonly state?: string | undefined
  /** `max_age` of the authorization request, in seconds. Default: `default_max_age` as registered, else any. */
  readonly maxAgeSeconds?: number | undefined
  /** The authentication context classes of which it has to be one, where an essential one was asked for. Default: any. */
  readonly essentialAcr?: readonly string[] | undefined
  /** `sub`, where it is known: of the other ID token of a hybrid flow, of the login that is repeated. Default: any. */
  readonly subject?: string | undefined
  /** Claims that have to be there beside those that always have to, such as `c_hash` and `s_hash` in a hybrid flow. */
  readonly required?: readonly string[] | undefined
}

/** How long ago an ID token may have been issued, in seconds: it comes right after a login or a refresh. */
const mostSecondsOld = 3_600

/**
 * Checks an ID token: signature, then each claim.
 *
 * @returns the claims, frozen
 * @throws ValidationError whose `check` is the claim's name, or one of those of {@link readSignedJwt}
 * @see OpenID Connect Core §3.1.3.7; for `c_hash` §3.3.2.11, for `s_hash` FAPI 1.0 Advanced §5.1
 */
export function validateIdToken(
  client: Client,
  idToken: string,
  expected: ExpectedIdToken = {},
): Promise<IdTokenClaims> {
  return checkedBy(ofLogin, client, idToken, expected)
}

/**
 * Checks the ID token that came with an access token, and keeps its claims with the token set.
 *
 * @throws ValidationError; `check` is `id_token` where none came
 */
export async function validateIdTokenOf(
  tokenSet: TokenSet,
  client: Client,
  expected: ExpectedIdToken,
): Promise<IdTokenClaims> {
  const { idToken, accessToken, refreshToken } = tokenSet
  if (idToken === undefined)
    throw new ValidationError('id_token', 'is missing; a login that asked for openid brings one', {
      provider: client.provider.name,
    })
  const claims = await checkedBy(ofLogin, client, idToken, { accessToken, refreshToken, ...expected })
  keepIdTokenClaims(tokenSet, claims)
  return claims
}

/**
 * Checks the ID token that came with a refresh, if one did: it has to be about the login that began the session. Its claims
 * are kept with the token set.
 *
 * @param login claims of the ID token before
 * @throws ValidationError as {@link validateIdToken} does
 * @see OpenID Connect Core §12.2
 */
export async function validateRefreshed(tokenSet: TokenSet, client: Client, login: IdTokenClaims): Promise<void> {
  const { idToken, accessToken, refreshToken } = tokenSet
  if (idToken === undefined) return
  const expected = { accessToken, refreshToken, subject: login.sub }
  const claims = await checkedBy(ofRefresh(login), client, idToken, expected)
  const { auth_time, nonce, sid } = login
  const lasting = {
    ...(auth_time !== undefined && { auth_time }),
    ...(nonce !== undefined && { nonce }),
    ...(sid !== undefined && { sid }),
  }
  keepIdTokenClaims(tokenSet, Object.freeze({ ...lasting, ...claims }))
}

interface Expected extends ExpectedIdToken {
  readonly refreshToken?: string | undefined
}

async function checkedBy(
  checks: readonly Check[],
  client: Client,
  idToken: string,
  expected: Expected,
): Promise<IdTokenClaims> {
  const { accessToken, refreshToken, code, state, nonce } = expected
  const secrets = [idToken, accessToken, refreshToken, code, state, nonce]
  const what = 'ID token'
  const { header, claims } = await readSignedJwt(client, idToken, { what, kind: 'id_token', secrets })
  const checking: Checking = { client, what, claims, secrets, expected, header }
  for (const check of checks) check(checking)
  return claims as IdTokenClaims
}

interface Checking extends CheckedClaims {
  readonly expected: ExpectedIdToken
  readonly header: JwtHeader
}

type Check = (checking: Checking) => void

/** Of every ID token, in the order of OpenID Connect Core §3.1.3.7. */
const ofAny: readonly Check[] = [
  checkIssuer,
  checkSubject,
  checkAudience,
  checkAuthorizedParty,
  checkAge,
  checkHashes,
  checkExpected,
]

const ofLogin: readonly Check[] = [...ofAny, checkNonce, checkContextClass, checkAuthenticationTime]

/** How long ago the login was, and by what means, is no matter of a refresh. @see OpenID Connect Core §12.2 */
function ofRefresh(login: IdTokenClaims): readonly Check[] {
  return [
    ...ofAny,
    checking => checkAudienceBefore(checking, login),
    checking => checkSameAsBefore(checking, 'nonce', login.nonce),
    checking => checkSameAsBefore(checking, 'auth_time', login.auth_time ?? checking.claims.auth_time),
  ]
}

/** There may be further ones. */
function checkAudienceBefore(checking: Checking, login: IdTokenClaims): void {
  const audience = new Set(audienceIn(checking.claims))
  if (!audienceIn(login).every(one => audience.has(one)))
    throw invalid(checking, 'aud', 'lacks one that the ID token of the login had')
}

/** It may be left out. */
function checkSameAsBefore(checking: Checking, claim: string, before: unknown): void {
  const { [claim]: value } = checking.claims
  if (value !== undefined && value !== before) throw invalid(checking, claim, 'is another than that of the login')
}

function checkSubject(checking: Checking): void {
  const { claims, expected } = checking
  if (!isText(claims.sub)) throw invalid(checking, 'sub', `is ${kindOf(claims.sub)}; expected a text`)
  if (expected.subject !== undefined && claims.sub !== expected.subject)
    throw invalid(checking, 'sub', 'is another than before: it is about somebody else')
}

/** Other audiences are not trusted: it has to say that it was issued to this client. */
function checkAuthorizedParty(checking: Checking): void {
  const { claims, client } = checking
  if (claims.azp === undefined && audienceIn(claims).some(one => one !== client.id))
    throw invalid(checking, 'azp', 'is missing, and aud names others beside this client')
  if (claims.azp !== undefined && claims.azp !== client.id)
    throw invalid(checking, 'azp', `is ${shown(checking, claims.azp)}; expected "${client.id}"`)
}

/** @see OpenID Connect Core §3.1.3.7 (9), (10) */
function checkAge(checking: Checking): void {
  checkRequired(checking, ['exp', 'iat'])
  checkTimes(checking)
  const now = msToSeconds(checking.client.clock.now())
  const iat = timeIn(checking, 'iat') ?? now
  if (iat < now - mostSecondsOld - clockToleranceSeconds)
    throw invalid(checking, 'iat', `is too long ago: ${iat}, and it is ${now} now`)
}

/** It ties the ID token to one login; one that nobody has asked for is of somebody else's. */
function checkNonce(checking: Checking): void {
  const { claims, expected } = checking
  if (claims.nonce === expected.nonce) return
  if (expected.nonce === undefined) throw invalid(checking, 'nonce', 'is there, and none was sent')
  throw invalid(checking, 'nonce', claims.nonce === undefined ? 'is missing' : 'is another than the one that was sent')
}

/** @see OpenID Connect Core §3.1.3.7 (12), §5.5.1.1 */
function checkContextClass(checking: Checking): void {
  const { claims, client, expected } = checking
  if (expected.essentialAcr === undefined || client.provider.conform.relax?.includes('acr')) return
  if (isText(claims.acr) && expected.essentialAcr.includes(claims.acr)) return
  throw invalid(
    checking,
    'acr',
    `is ${shown(checking, claims.acr)}; expected ${expected.essentialAcr.map(one => `"${one}"`).join(' or ')}`,
  )
}

/** @see OpenID Connect Core §3.1.3.7 (13) */
function checkAuthenticationTime(checking: Checking): void {
  const { claims, client, expected } = checking
  const { maxAgeSeconds = client.metadata.default_max_age } = expected
  if (maxAgeSeconds === undefined && claims.auth_time === undefined && !client.metadata.require_auth_time) return
  checkRequired(checking, ['auth_time'])
  const authTime = timeIn(checking, 'auth_time') ?? 0
  const now = msToSeconds(client.clock.now())
  if (maxAgeSeconds !== undefined && authTime > now + clockToleranceSeconds)
    throw invalid(checking, 'auth_time', `is in the future: ${authTime}, and it is ${now} now`)
  if (maxAgeSeconds !== undefined && authTime + maxAgeSeconds < now - clockToleranceSeconds)
    throw invalid(
      checking,
      'auth_time',
      `is too long ago: ${authTime}, and it is ${now} now; max_age is ${maxAgeSeconds}`,
    )
}

/** Which parts of the answer it is a signature of. */
function checkHashes(checking: Checking): void {
  const { accessToken, code, state } = checking.expected
  checkHash(checking, 'at_hash', accessToken)
  checkHash(checking, 'c_hash', code)
  checkHash(checking, 's_hash', state)
}

function checkHash(checking: Checking, claim: string, hashed: string | undefined): void {
  const value = checking.claims[claim]
  if (value === undefined || hashed === undefined) return
  const given = isText(value) ? Buffer.from(value, 'base64url').toString('hex') : undefined
  if (given !== leftHalf(hashed, checking.header.alg))
    throw invalid(checking, claim, 'is of something else than what came with it')
}

/** The left half of the hash that the signature's algorithm uses; Ed25519 is of SHA-512. @see OpenID Connect Core §3.1.3.6 */
function leftHalf(text: string, alg: string): string {
  const digest = hash(`sha${/\d{3}$/.exec(alg)?.[0] ?? '512'}`, text, 'hex')
  return digest.slice(0, digest.length / 2)
}

function checkExpected(checking: Checking): void {
  checkRequired(checking, checking.expected.required ?? [])
}
