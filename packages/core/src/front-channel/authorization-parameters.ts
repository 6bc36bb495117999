/** Options of an authorization request → its parameters (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1, RFC 8707, RFC 9396). */
import { isObject } from '../body.js'
import { checkResource, splitScope } from '../grants/grant.js'
import {
  checkCredential,
  checkObject,
  checkText,
  checkUrl,
  checkWholeNumber,
  isLoopback,
  oneOf,
  optionError,
} from '../options.js'
import type { Parameters } from '../provider.js'
import { isAnswerParameter } from './authorization-answer.js'
import { type ClaimsOptions, claimsOptionNames, claimsRequest } from './claims-request.js'
import { type ResolvedResponseMode, type ResponseType, resolvedResponseModes, responseTypes } from './transaction.js'

/** `response_mode`: {@link ResolvedResponseMode}, or `jwt`, which leaves the channel to the response type (JARM §2.3.4). */
export type ResponseMode = ResolvedResponseMode | 'jwt'

/** One of `authorization_details`: what is asked for, in the words of the API. @see RFC 9396 §2 */
export interface AuthorizationDetail {
  /** Which kind it is; its other members depend on it. */
  readonly type: string
  /** What that kind has. */
  readonly [member: string]: unknown
}

/** What is asked of the user and the server. */
export interface AuthorizationParameterOptions extends ClaimsOptions {
  /** Where the browser comes back to, exactly as it is registered: https, http to loopback addresses, or an app's own scheme. */
  readonly redirectUri: string
  /** Space-separated, or a list. With `openid` in it an ID token has to come. Default: none is sent, and the server decides. */
  readonly scope?: string | readonly string[] | undefined
  /** Default `code`. */
  readonly responseType?: ResponseType | undefined
  /** How the answer is to come. Default: none is sent, which means `query` for `code` and `fragment` for `code id_token`. */
  readonly responseMode?: ResponseMode | undefined
  /** The API the token is for, or several: absolute URIs without a fragment; the token request names them too (RFC 8707 §2). */
  readonly resource?: string | readonly string[] | undefined
  /** What the user is asked anew: `login`, `consent`, `select_account`; or `none`. */
  readonly prompt?: string | readonly string[] | undefined
  /** How old the login may be, in seconds: the ID token is checked for it. */
  readonly maxAgeSeconds?: number | undefined
  /** `acr_values`: levels of authentication that are wished for. What is essential is `essentialAcr`. */
  readonly acrValues?: string | readonly string[] | undefined
  /** Whom the login page may expect. */
  readonly loginHint?: string | undefined
  /** An ID token of an earlier login: whom the server is to find logged in. */
  readonly idTokenHint?: string | undefined
  /** The user's languages, the preferred one first (RFC 5646 tags). */
  readonly uiLocales?: string | readonly string[] | undefined
  /** What is asked for in detail, where a scope says too little (RFC 9396). */
  readonly authorizationDetails?: readonly AuthorizationDetail[] | undefined
  /** More parameters of the provider's own. None can replace a parameter of the protocol. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

export const authorizationParameterNames = [
  ...claimsOptionNames,
  'redirectUri',
  'scope',
  'responseType',
  'responseMode',
  'resource',
  'prompt',
  'maxAgeSeconds',
  'acrValues',
  'loginHint',
  'idTokenHint',
  'uiLocales',
  'authorizationDetails',
  'parameters',
] as const

/** Parameters as a request object has them: numbers, objects and lists are what they are (RFC 9101 §4). */
export type AuthorizationParameters = Readonly<Record<string, string | number | object | undefined>>

/**
 * What the options stand for; what is new for each request is not among it.
 *
 * @throws TypeError naming the option
 */
export function authorizationParameters(options: AuthorizationParameterOptions): AuthorizationParameters {
  const { redirectUri, responseType = 'code', responseMode, maxAgeSeconds, parameters = {} } = options
  checkRedirectUri(redirectUri)
  checkChoice('responseType', responseType, responseTypes)
  if (responseMode !== undefined) checkResponseMode(responseMode, responseType)
  if (maxAgeSeconds !== undefined) checkWholeNumber('maxAgeSeconds', maxAgeSeconds, 0)
  checkResource(options.resource)
  checkExtraParameters(parameters)
  const scope = splitScope(options.scope)
  if (responseType === 'code id_token' && !scope.includes('openid'))
    throw optionError('scope', 'must hold openid, since the response type asks for an ID token')
  return {
    ...parameters,
    redirect_uri: redirectUri,
    scope: scope.length === 0 ? undefined : scope.join(' '),
    response_type: responseType,
    response_mode: responseMode,
    resource: options.resource,
    prompt: words('prompt', options.prompt),
    max_age: maxAgeSeconds,
    acr_values: words('acrValues', options.acrValues),
    login_hint: text('loginHint', options.loginHint),
    id_token_hint: text('idTokenHint', options.idTokenHint),
    ui_locales: words('uiLocales', options.uiLocales),
    claims: claimsRequest(checkedClaims(options)),
    authorization_details: detailsOf(options.authorizationDetails),
  }
}

/** How the answer has to come: `jwt`, and no mode at all, leave the channel to the response type. */
export function resolveResponseMode({
  responseType = 'code',
  responseMode,
}: Pick<AuthorizationParameterOptions, 'responseType' | 'responseMode'>): ResolvedResponseMode {
  const channel = responseType === 'code' ? 'query' : 'fragment'
  if (responseMode === 'jwt') return `${channel}.jwt`
  return responseMode ?? channel
}

/** As they stand in a URL or a form: a list of texts is repeated, what has members is JSON. */
export function asText(parameters: AuthorizationParameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, textOf(value)]))
}

function textOf(value: AuthorizationParameters[string]): Parameters[string] {
  if (value === undefined || typeof value === 'string') return value
  const isListOfTexts = Array.isArray(value) && value.every(one => typeof one === 'string')
  return isListOfTexts ? value : JSON.stringify(value)
}

/** Whether a name is the protocol's: nothing that comes from elsewhere may stand in its place. */
export function isProtocolParameter(name: string): boolean {
  return protocolParameters.has(name)
}

const protocolParameters = new Set([
  'client_id',
  'redirect_uri',
  'scope',
  'response_type',
  'response_mode',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'resource',
  'prompt',
  'max_age',
  'acr_values',
  'login_hint',
  'id_token_hint',
  'ui_locales',
  'claims',
  'authorization_details',
  'dpop_jkt',
  'request',
  'request_uri',
  // of the request that pushes them (RFC 9126 §2.1)
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  // of the JWT they may stand in (RFC 9101 §4)
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
])

/** RFC 6749 §3.1.2: absolute, without fragment. A scheme of an app's own is fine (RFC 8252 §7.1), one that runs or shows its rest is not. */
function checkRedirectUri(redirectUri: string): void {
  const url = checkUrl('redirectUri', redirectUri)
  if (redirectUri.includes('#')) throw optionError('redirectUri', 'must not contain a fragment (RFC 6749 §3.1.2)')
  const isPlainHttp = url.protocol === 'http:' && !isLoopback(url.hostname)
  if (isPlainHttp || ['javascript:', 'data:', 'vbscript:', 'blob:', 'file:'].includes(url.protocol))
    throw optionError('redirectUri', 'must be https, http to a loopback address, or a scheme of your app')
  for (const name of url.searchParams.keys())
    if (isAnswerParameter(name)) throw optionError('redirectUri', `has ${name} in its query, which answers come with`)
}

function checkResponseMode(responseMode: ResponseMode, responseType: ResponseType): void {
  checkChoice('responseMode', responseMode, [...resolvedResponseModes, 'jwt'])
  if (responseMode === 'query' && responseType !== 'code')
    throw optionError(
      'responseMode',
      'query is not for ID tokens: they would stand in logs (OAuth 2.0 Multiple Response Types §5)',
    )
}

function checkChoice(option: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) throw optionError(option, `must be ${oneOf(choices, value)}`)
}

function checkExtraParameters(parameters: Readonly<Record<string, string>>): void {
  checkObject('parameters', parameters)
  for (const [name, value] of Object.entries(parameters)) {
    if (isProtocolParameter(name))
      throw optionError(`parameters.${name}`, 'belongs to the protocol; give it by the option made for it')
    checkText(`parameters.${name}`, value)
  }
}

function checkedClaims(options: ClaimsOptions): ClaimsOptions {
  const { openbankingIntentId, essentialAcr } = options
  if (openbankingIntentId !== undefined) checkCredential('openbankingIntentId', openbankingIntentId)
  if (essentialAcr !== undefined) checkTexts('essentialAcr', essentialAcr)
  return options
}

function detailsOf(details: AuthorizationParameterOptions['authorizationDetails']): object | undefined {
  if (details === undefined) return undefined
  const isDetail = (one: unknown) => isObject(one) && typeof one.type === 'string' && one.type !== ''
  if (!Array.isArray(details) || details.length === 0 || !details.every(isDetail))
    throw optionError('authorizationDetails', 'must be a list of objects, each with a type (RFC 9396 §2)')
  return details
}

function text(option: string, value: string | undefined): string | undefined {
  if (value !== undefined) checkText(option, value)
  return value
}

function words(option: string, value: string | readonly string[] | undefined): string | undefined {
  return value === undefined ? undefined : checkTexts(option, value).join(' ')
}

function checkTexts(option: string, value: string | readonly string[]): readonly string[] {
  const all = [value].flat()
  if (all.length === 0) throw optionError(option, 'must not be an empty list')
  for (const one of all) checkText(option, one)
  return all
}
