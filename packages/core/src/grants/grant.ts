/** A grant: what a client shows the token endpoint to get a token (RFC 6749 §1.3). The contract of every grant. */
import { optionError } from '../options.js'
import type { Parameters } from '../provider.js'

export interface Grant {
  /** `grant_type` on the wire. */
  readonly grantType: string
  /** What the request carries beside `grant_type` and the client's credentials. */
  readonly parameters: Parameters
  /** Whether the same request may go out again after one that left: not for what can be used only once. */
  readonly repeatable: boolean
}

/** What every grant takes. */
export interface GrantOptions {
  /** Space-separated, or a list. Default: none is sent, and the server decides. */
  readonly scope?: string | readonly string[] | undefined
  /** The API the token is for (RFC 8707). */
  readonly resource?: string | readonly string[] | undefined
  /** More parameters of the provider's own. None can replace a parameter of the protocol. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

export const grantOptionNames = ['scope', 'resource', 'parameters'] as const

/** The parameters every grant's options stand for. */
export function grantParameters({ scope, resource, parameters = {} }: GrantOptions): Parameters {
  for (const name of Object.keys(parameters))
    if (protocolParameters.has(name))
      throw optionError(`parameters.${name}`, 'belongs to the protocol; give it by the option made for it')
  const scopes = splitScope(scope)
  return { ...parameters, scope: scopes.length === 0 ? undefined : scopes.join(' '), resource }
}

/** The scopes of a list or a string: runs of blanks count as one, as servers answer with them (RFC 6749 §3.3). */
export function splitScope(scope: string | readonly string[] | undefined): string[] {
  if (scope === undefined) return []
  if (typeof scope !== 'string' && !Array.isArray(scope))
    throw optionError('scope', 'must be a string or a list of strings')
  return [scope]
    .flat()
    .flatMap(one => String(one).split(/\s+/))
    .filter(one => one !== '')
}

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
