/** The `claims` parameter: single claims asked for by name, with values (OpenID Connect Core §5.5). */
import { checkObject, optionError } from '../options.js'
import type { Provider } from '../provider.js'

/** How one claim is asked for; `null` asks for it as such. @see OpenID Connect Core §5.5.1 */
export type ClaimRequest = null | {
  /** Whether the login is of no use without it. Default `false`. */
  readonly essential?: boolean
  /** The value it is to have. */
  readonly value?: string | number | boolean
  /** The values one of which it is to have, the preferred one first. */
  readonly values?: readonly (string | number | boolean)[]
  /** What a profile adds. */
  readonly [member: string]: unknown
}

/** Which claims are asked for, and where they are to come. */
export interface ClaimsRequest {
  /** In the ID token, by name. */
  readonly id_token?: Readonly<Record<string, ClaimRequest>> | undefined
  /** From the userinfo endpoint, by name. */
  readonly userinfo?: Readonly<Record<string, ClaimRequest>> | undefined
}

/** What stands in `claims`, in the words of the profiles that need it. */
export interface ClaimsOptions {
  /** Claims to ask for, as `claims` has them. */
  readonly claims?: ClaimsRequest | undefined
  /**
   * The consent this login is about: `openbanking_intent_id`, essential, in the ID token and at userinfo, as Open Banking UK
   * and WSO2 read it.
   */
  readonly openbankingIntentId?: string | undefined
  /** `acr` values one of which the ID token has to have, the preferred one first: an essential claim, not a wish as `acrValues`. */
  readonly essentialAcr?: string | readonly string[] | undefined
}

export const claimsOptionNames = ['claims', 'openbankingIntentId', 'essentialAcr'] as const

/**
 * The `claims` parameter; `undefined` where no claim is asked for.
 *
 * @throws TypeError naming the option, also where a claim is asked for twice
 */
export function claimsRequest(options: ClaimsOptions): ClaimsRequest | undefined {
  const { claims = {}, openbankingIntentId, essentialAcr } = options
  checkClaims(claims)
  const intent = openbankingIntentId === undefined ? {} : { openbanking_intent_id: essential([openbankingIntentId]) }
  const acr = essentialAcr === undefined ? {} : { acr: essential([essentialAcr].flat()) }
  const idToken = joined('id_token', claims.id_token, { ...acr, ...intent })
  const userinfo = joined('userinfo', claims.userinfo, intent)
  if (idToken === undefined && userinfo === undefined) return undefined
  return { ...claims, ...(idToken && { id_token: idToken }), ...(userinfo && { userinfo }) }
}

/** The `acr` values one of which the ID token has to have. */
export function essentialAcrIn(claims: ClaimsRequest | undefined): readonly string[] | undefined {
  const { essential: isEssential, value, values } = claims?.id_token?.acr ?? {}
  if (isEssential !== true) return undefined
  const wanted = [values ?? value ?? []].flat().map(String)
  return wanted.length === 0 ? undefined : wanted
}

/**
 * How levels of authentication are asked for in place of those that the options name: as an essential claim where the server
 * is known to read it, so that it says by itself that it cannot; else by `acr_values`. Never by both: what a server makes of
 * that is not specified (OpenID Connect Core §5.5.1.1).
 *
 * @param acrValues the levels one of which is wanted, the preferred one first
 * @returns what to put over the options
 * @see RFC 9470 §4
 */
export function requestForAcr(
  { metadata }: Provider,
  { claims, essentialAcr }: Pick<ClaimsOptions, 'claims' | 'essentialAcr'>,
  acrValues: readonly string[],
): Pick<ClaimsOptions, 'claims' | 'essentialAcr'> & { readonly acrValues: readonly string[] | undefined } {
  const { acr, ...idToken } = claims?.id_token ?? {}
  const readsClaims = metadata.claims_parameter_supported === true || essentialAcr !== undefined || acr !== undefined
  if (!readsClaims) return { acrValues }
  const others = acr === undefined ? claims : { ...claims, id_token: idToken }
  return { acrValues: undefined, essentialAcr: acrValues, claims: others }
}

/** Claims of the ID token that say whom or what it is about: another value than the one asked for is about something else. */
export function expectedClaimsIn(claims: ClaimsRequest | undefined): Readonly<Record<string, string>> | undefined {
  const wanted = ['sub', 'openbanking_intent_id'].flatMap(name => {
    const { value } = claims?.id_token?.[name] ?? {}
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  return wanted.length === 0 ? undefined : Object.fromEntries(wanted)
}

function essential(values: readonly string[]): ClaimRequest {
  const [value, ...more] = values
  return more.length === 0 && value !== undefined ? { value, essential: true } : { values, essential: true }
}

function joined(
  place: 'id_token' | 'userinfo',
  given: ClaimsRequest['id_token'],
  added: ClaimsRequest['id_token'] = {},
) {
  for (const name of Object.keys(added))
    if (Object.hasOwn(given ?? {}, name)) throw optionError(`claims.${place}.${name}`, 'is asked for by an option too')
  const all = { ...given, ...added }
  return Object.keys(all).length === 0 ? given : all
}

function checkClaims(claims: ClaimsRequest): void {
  checkObject('claims', claims)
  for (const place of ['id_token', 'userinfo'] as const)
    if (claims[place] !== undefined) checkPlace(`claims.${place}`, claims[place])
}

function checkPlace(option: string, place: Readonly<Record<string, ClaimRequest>>): void {
  checkObject(option, place)
  for (const [name, request] of Object.entries(place)) if (request !== null) checkObject(`${option}.${name}`, request)
}
