/**
 * A grant: what a client shows the token endpoint to get a token (RFC 6749 §1.3). The contract of every grant. Whatever
 * differs from one to the next is said here, by the grant itself, so that a further one needs a place in no list.
 */
import type { Client } from '../client.js'
import type { Resend } from '../endpoint-request.js'
import { checkFunction, checkObject, checkText, optionError, parseUrl, refusePromise } from '../options.js'
import type { Parameters } from '../provider.js'
import type { TokenSet } from '../token-set.js'

/** What a client shows the token endpoint to get a token, made by `clientCredentials()` and the like. */
export interface Grant {
  /** `grant_type` on the wire. */
  readonly grantType: string
  /**
   * What tells its tokens from those of another grant of this type: by name, all that changes the answer and nothing that
   * is new each time; `scope` counts as a set. Tokens are kept under a hash of it. A grant that is printed shows it, so put
   * a hash where something is secret.
   */
  readonly identity: Parameters
  /**
   * What a request carries beside `grant_type` and the client's credentials. Asked for before every attempt: an assertion,
   * or a subject token, may be another one each time. What it throws is the `cause` of an `ERR_GRANT`; nothing is sent then.
   */
  readonly parameters: (context: GrantContext) => Parameters | Promise<Parameters>
  /**
   * Scope that was asked for elsewhere, such as in an authorization request; space-separated. An answer that names none
   * grants what was asked for (RFC 6749 §5.1). Default: `scope` of the parameters.
   */
  readonly requestedScope?: string | undefined
  /**
   * How often a request may go out at once. `'always'`: again when no answer came. `'unsent'`: again only where the first
   * one has surely done nothing, such as without a connection. `'never'`: once, whatever happens.
   */
  readonly resend: Resend
  /** Whether what it shows is used up by one token set, as a code is: `createTokenSource()` cannot renew by it. Default `false`. */
  readonly singleUse?: boolean | undefined
  /**
   * Whether it is asked for again and again until somebody has agreed (RFC 8628 §3.5): then nothing rests for it. With a
   * schedule `requestTokenSet()` and `redeem()` do that by themselves; `true` leaves it to their callers. Default `false`.
   */
  readonly polled?: boolean | PollSchedule | undefined
  /**
   * Whether what it shows came from outside, where anybody can make it up, as the code in a login callback is: that it
   * fails says nothing of the server or the client. Default `false`.
   */
  readonly unproven?: boolean | undefined
  /**
   * Whether a refresh token in an answer is of no use, since the grant can be asked for again (RFC 6749 §4.4.3): then none
   * is looked for in an answer that is refused. Default `false`.
   */
  readonly withoutRefreshToken?: boolean | undefined
  /**
   * Looks at a token set before it is kept or handed out; throws a `ValidationError` when it does not hold. A refresh token
   * that came with it is kept all the same, since the one before may be used up.
   */
  readonly validate?: ((tokenSet: TokenSet, context: GrantContext) => void | Promise<void>) | undefined
}

/** How often a grant is asked for, and until when. */
export interface PollSchedule extends PollingOptions {
  /** The least time between two requests, in milliseconds. A server may ask for more. */
  readonly intervalMs: number
  /** How long to wait before the first of them, in milliseconds. Default `intervalMs`. */
  readonly firstAfterMs?: number | undefined
  /** When there is no more use in asking, in epoch milliseconds. */
  readonly expiresAt: number
}

/** What whoever waits for a user may have a say in. */
export interface PollingOptions {
  /** Ends the wait at once, with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Waits so many milliseconds, or until the signal is aborted. Default: a timer. */
  readonly wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined
}

/** Who asks, and where. */
export interface GrantContext {
  /** The client that asks, with its clock and its provider. */
  readonly client: Client
  /** The URL of the token endpoint. */
  readonly endpoint: string
}

/** What every grant takes. */
export interface GrantOptions {
  /** Space-separated, or a list. Default: none is sent, and the server decides. */
  readonly scope?: string | readonly string[] | undefined
  /** The API the token is for, or several: an absolute URI without a fragment. @see RFC 8707 §2 */
  readonly resource?: string | readonly string[] | undefined
  /** More parameters of the provider's own. None can replace a parameter of the protocol. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

export const grantOptionNames = ['scope', 'resource', 'parameters'] as const

/**
 * The parameters every grant's options stand for, with the grant's own.
 *
 * @throws TypeError naming `scope`, `resource`, or an extra parameter that would replace one of the protocol or of the grant
 */
export function grantParameters({ scope, resource, parameters = {} }: GrantOptions, own: Parameters = {}): Parameters {
  for (const name of Object.keys(parameters))
    if (protocolParameters.has(name) || name in own)
      throw optionError(`parameters.${name}`, 'belongs to the protocol; give it by the option made for it')
  checkResource(resource)
  const scopes = splitScope(scope)
  return { ...parameters, scope: scopes.length === 0 ? undefined : scopes.join(' '), resource, ...own }
}

/** The scopes of a list or a string: runs of blanks count as one, as servers answer with them (RFC 6749 §3.3). */
export function splitScope(scope: string | readonly string[] | undefined): string[] {
  if (scope === undefined) return []
  const list = typeof scope === 'string' ? [scope] : scope
  if (!Array.isArray(list) || !list.every(one => typeof one === 'string'))
    throw optionError('scope', 'must be a string or a list of strings')
  return list
    .join(' ')
    .split(/\s+/)
    .filter(one => one !== '')
}

/**
 * The resources of a list or a text, each once; `undefined` for none.
 *
 * @throws TypeError as {@link checkResource}
 */
export function splitResource(resource: GrantOptions['resource']): readonly string[] | undefined {
  checkResource(resource)
  const resources = [...new Set([resource ?? []].flat())]
  return resources.length === 0 ? undefined : resources
}

/**
 * Refuses what names no API: neither a list nor a text, or not of absolute URIs without a fragment.
 *
 * @throws TypeError naming `resource`
 * @see RFC 8707 §2
 */
export function checkResource(resource: unknown): asserts resource is GrantOptions['resource'] {
  for (const one of [resource ?? []].flat()) {
    checkText('resource', one)
    if (parseUrl(one) === undefined || one.includes('#'))
      throw optionError('resource', 'must be an absolute URI without a fragment (RFC 8707 §2)')
  }
}

/** RFC 6749 and RFC 7521 §4.2. What else a grant sends is its own, and refused as such. */
const protocolParameters = new Set([
  'grant_type',
  'scope',
  'resource',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'code',
  'code_verifier',
  'redirect_uri',
  'refresh_token',
])

/**
 * Refuses what is no grant.
 *
 * @param hint what else may be wrong
 */
export function checkIsGrant(grant: unknown, hint = ''): asserts grant is Grant {
  refusePromise('grant', grant)
  const { grantType, identity, parameters, resend, validate } = Object(grant)
  if (typeof grantType !== 'string')
    throw optionError('grant', `must come from a grant function such as clientCredentials()${hint}`)
  checkFunction('grant.parameters', parameters)
  checkObject('grant.identity', identity)
  if (!resends.includes(resend))
    throw optionError('grant.resend', `must be ${resends.map(one => `'${one}'`).join(' or ')}`)
  if (validate !== undefined) checkFunction('grant.validate', validate)
}

const resends: readonly Resend[] = ['always', 'unsent', 'never']
