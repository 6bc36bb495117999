/** What the two methods by assertion have in common: options, checks, the parameters sent (RFC 7523 §2.2). */
import { type Assertion, protectedClaims, protectedHeaders, signAssertion } from '../assertion.js'
import { type EndpointName, statedList } from '../metadata.js'
import { checkNumber, checkText, optionError } from '../options.js'
import type { Parameters, Provider } from '../provider.js'
import type { Signer } from '../signer.js'
import type { Authenticated, AuthenticationContext } from './client-auth.js'

/** What an assertion says, where it is not what the provider says it should. */
export interface AssertionOptions {
  /**
   * `aud`: a value, or a function of the endpoint's URL and its name in the metadata. Default: the provider's, else the
   * issuer (RFC 10070).
   */
  readonly audience?: string | ((endpoint: string, name: EndpointName) => string) | undefined
  /** Header `typ`. Default: the provider's, else `client-authentication+jwt` (RFC 10070). */
  readonly typ?: string | undefined
  /** From now to `exp`, in seconds. Default: the provider's, else 60. */
  readonly lifetimeSeconds?: number | undefined
  /** How far `iat` is set back, for servers whose clock runs behind, in seconds. Default 0. */
  readonly clockSkewSeconds?: number | undefined
  /** More header members, such as `x5t#S256` or `x5c`. */
  readonly header?: Readonly<Record<string, unknown>> | undefined
  /** More claims, or a function asked for them before every assertion. */
  readonly claims?: Readonly<Record<string, unknown>> | (() => Readonly<Record<string, unknown>>) | undefined
}

export const assertionOptionNames = [
  'audience',
  'typ',
  'lifetimeSeconds',
  'clockSkewSeconds',
  'header',
  'claims',
] as const

/** Refuses wrong options, and extra members that would override the protocol's own. */
export function checkAssertionOptions(options: AssertionOptions): void {
  if (options.lifetimeSeconds !== undefined) checkNumber('lifetimeSeconds', options.lifetimeSeconds, 1)
  if (options.clockSkewSeconds !== undefined) checkNumber('clockSkewSeconds', options.clockSkewSeconds, 0)
  if (options.typ !== undefined) checkText('typ', options.typ)
  if (options.audience !== undefined && typeof options.audience !== 'function') checkText('audience', options.audience)
  refuseMembers('header', options.header ?? {}, protectedHeaders)
  if (typeof options.claims !== 'function') refuseMembers('claims', options.claims ?? {}, protectedClaims)
}

/** Refuses an algorithm the provider says it does not take. */
export function checkAlg(alg: string, { name, metadata }: Provider): void {
  const accepted = statedList(metadata, 'token_endpoint_auth_signing_alg_values_supported')
  if (accepted !== undefined && !accepted.includes(alg))
    throw optionError('alg', `${name} accepts ${accepted.join(', ')}, not ${alg}`)
}

/** Adds a newly signed assertion to the parameters. */
export async function authenticateByAssertion(
  signer: Signer,
  options: AssertionOptions,
  parameters: Parameters,
  context: AuthenticationContext,
): Promise<Authenticated> {
  const assertion = await signAssertion(signer, describeAssertion(options, context), context.clock)
  return {
    parameters: {
      ...parameters,
      client_id: context.clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    },
    headers: {},
  }
}

function describeAssertion(options: AssertionOptions, context: AuthenticationContext): Assertion {
  const { clientId, provider, endpoint, endpointName } = context
  const rules = provider.conform.clientAssertion ?? {}
  return {
    issuer: clientId,
    subject: clientId,
    audience: audienceOf(options, provider, endpoint, endpointName),
    typ: options.typ ?? rules.typ ?? 'client-authentication+jwt',
    lifetimeSeconds: options.lifetimeSeconds ?? rules.lifetimeSeconds ?? 60,
    clockSkewSeconds: options.clockSkewSeconds ?? 0,
    header: options.header ?? {},
    claims: readClaims(options),
  }
}

/** `aud` of an assertion to an endpoint: what the option says, else the provider, else the issuer. */
export function audienceOf(
  options: Pick<AssertionOptions, 'audience'>,
  provider: Provider,
  endpoint: string,
  name: EndpointName,
): string {
  const given = options.audience ?? provider.conform.clientAssertion?.audience ?? provider.metadata.issuer
  const audience = typeof given === 'function' ? given(endpoint, name) : given
  checkText('audience', audience)
  return audience
}

/** The further claims, asked for where they come from a function. */
export function readClaims({ claims = {} }: Pick<AssertionOptions, 'claims'>): Readonly<Record<string, unknown>> {
  if (typeof claims !== 'function') return claims
  const read = claims()
  refuseMembers('claims', read, protectedClaims)
  return read
}

function refuseMembers(option: string, members: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  if (typeof members !== 'object' || members === null || Array.isArray(members))
    throw optionError(option, 'must be an object')
  for (const name of names)
    if (name in members) throw optionError(`${option}.${name}`, 'belongs to the protocol and cannot be given here')
}
