/**
 * What every JWT of the server has to say, once its signature holds: who says it, to whom, and when (RFC 7519 §4.1). What is
 * said is for whoever asked to look at.
 */
import { kindOf } from './body.js'
import { msToSeconds } from './clock.js'
import { ValidationError } from './errors.js'
import { type ReceivedJwt, shownOf } from './jwt-reading.js'

/** Claims that are being checked. */
export interface CheckedClaims extends ReceivedJwt {
  readonly claims: Readonly<Record<string, unknown>>
}

/** How far clocks may be apart, in seconds. */
export const clockToleranceSeconds = 60

/**
 * Checks `iss`, `aud`, `exp`, `iat` and `nbf`, each where it is there.
 *
 * @param required those that have to be there
 * @throws ValidationError whose `check` is the claim's name
 * @see RFC 9701 §5, OpenID Connect Core §5.3.2, JARM §2.4
 */
export function checkAnswerClaims(checked: CheckedClaims, required: readonly ('iss' | 'aud' | 'iat' | 'exp')[]): void {
  checkRequired(checked, required)
  if (checked.claims.iss !== undefined) checkIssuer(checked)
  if (checked.claims.aud !== undefined) checkAudience(checked)
  checkTimes(checked)
}

/** The error for a claim that does not hold. */
export function invalidClaim({ client, what }: CheckedClaims, claim: string, problem: string): ValidationError {
  return new ValidationError(claim, `of the ${what} ${problem}`, { provider: client.provider.name })
}

/** A claim, as a message may show it. */
export function shownClaim(checked: CheckedClaims, value: unknown): string {
  return value === undefined ? 'missing' : shownOf(checked, value)
}

/** Whether a value is a text that says something. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** Refuses claims without one of these. */
export function checkRequired(checked: CheckedClaims, required: readonly string[]): void {
  for (const claim of required)
    if (checked.claims[claim] === undefined) throw invalidClaim(checked, claim, 'is missing')
}

/** To the letter. */
export function checkIssuer(checked: CheckedClaims): void {
  const { iss } = checked.claims
  const { issuer } = checked.client.provider.metadata
  if (iss !== issuer) throw invalidClaim(checked, 'iss', `is ${shownClaim(checked, iss)}; expected "${issuer}"`)
}

/** One text, or a list in which this client is. */
export function checkAudience(checked: CheckedClaims): void {
  const { id } = checked.client
  const audience = audienceIn(checked.claims)
  if (audience.every(isText) && audience.includes(id)) return
  const named = audience.slice(0, 5).map(one => shownClaim(checked, one))
  throw invalidClaim(checked, 'aud', `is ${named.join(', ')}; expected "${id}"`)
}

/** `aud` as a list, in which one text stands alone. */
export function audienceIn({ aud }: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Array.isArray(aud) ? aud : [aud]
}

/** `exp`, `iat` and `nbf`, each where it is there. */
export function checkTimes(checked: CheckedClaims): void {
  const now = msToSeconds(checked.client.clock.now())
  const [exp, iat, nbf] = [timeIn(checked, 'exp'), timeIn(checked, 'iat'), timeIn(checked, 'nbf')]
  if (exp !== undefined && exp <= now - clockToleranceSeconds)
    throw invalidClaim(checked, 'exp', `is over: ${exp}, and it is ${now} now`)
  refuseFuture(checked, 'iat', iat, now)
  refuseFuture(checked, 'nbf', nbf, now)
}

function refuseFuture(checked: CheckedClaims, claim: string, at: number | undefined, now: number): void {
  if (at !== undefined && at > now + clockToleranceSeconds)
    throw invalidClaim(checked, claim, `is in the future: ${at}, and it is ${now} now`)
}

/** An instant in seconds since the epoch (RFC 7519 §2, NumericDate); `undefined` where the claim is missing. */
export function timeIn(checked: CheckedClaims, claim: string): number | undefined {
  const value = checked.claims[claim]
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value
  throw invalidClaim(checked, claim, `is ${kindOf(value)}; expected seconds since the epoch`)
}
