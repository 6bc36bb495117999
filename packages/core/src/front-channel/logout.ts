/** Logout at the server, started by us (OpenID Connect RP-Initiated Logout 1.0): where the browser goes, and what it comes back with. */
import { randomBytes } from 'node:crypto'
import type { Client } from '../client.js'
import { checkIsClient } from '../endpoints/check-client.js'
import { ValidationError } from '../errors.js'
import { browserEndpointIn } from '../metadata.js'
import { checkObject, checkOptions, checkText, checkUrl, optionError, parseUrl } from '../options.js'

/** Who logs out, and what happens afterwards. */
export interface EndSessionOptions {
  /** The user's ID token, as it came: the server knows by it whose session is meant, and asks the user less. */
  readonly idTokenHint?: string | undefined
  /** What else may tell the user, such as an address. */
  readonly logoutHint?: string | undefined
  /** Where the browser comes back to, as it is registered. Default: it stays at the server. */
  readonly postLogoutRedirectUri?: string | undefined
  /** Comes back with it. Default: 128 random bits. */
  readonly state?: string | undefined
  /** Languages of the server's pages, the preferred one first. Default: the server's choice. */
  readonly uiLocales?: string | readonly string[] | undefined
  /** More parameters of the server's own, such as `logout_uri`. None can replace a parameter of the protocol. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

/** Where a browser is sent to log out. */
export interface EndSessionRequest {
  /** Holds the ID token, if one was given: send the browser there, and log it nowhere. */
  readonly url: string
  /** What the browser has to come back with; `undefined` when it does not come back. Keep it in the user's session. */
  readonly state: string | undefined
}

const optionNames = ['idTokenHint', 'logoutHint', 'postLogoutRedirectUri', 'state', 'uiLocales', 'parameters'] as const

/**
 * Makes the URL that ends a user's session at the server. Nothing is sent, and no token is revoked or forgotten by it.
 *
 * @throws TypeError naming the option, or `end_session_endpoint` where the metadata has none
 * @see OpenID Connect RP-Initiated Logout §2
 */
export function createEndSessionRequest(client: Client, options: EndSessionOptions = {}): EndSessionRequest {
  checkIsClient(client, 'createEndSessionRequest(client, options)')
  checkEndSessionOptions(options)
  const { postLogoutRedirectUri, parameters = {} } = options
  const url = browserEndpointIn(client.provider.metadata, 'end_session_endpoint', client.provider.name)
  const isBack = postLogoutRedirectUri !== undefined
  const state = isBack ? (options.state ?? randomBytes(16).toString('base64url')) : undefined
  const own = {
    client_id: client.id,
    id_token_hint: options.idTokenHint,
    logout_hint: options.logoutHint,
    post_logout_redirect_uri: postLogoutRedirectUri,
    state,
    ui_locales: [options.uiLocales ?? []].flat().join(' ') || undefined,
  }
  for (const name of Object.keys(parameters))
    if (name in own)
      throw optionError(`parameters.${name}`, 'belongs to the protocol; give it by the option made for it')
  // what the endpoint's own query says of the same name would be sent twice
  for (const name of Object.keys(own)) url.searchParams.delete(name)
  for (const [name, value] of Object.entries({ ...parameters, ...own }))
    if (value !== undefined) url.searchParams.set(name, value)
  return { url: url.href, state }
}

function checkEndSessionOptions(options: EndSessionOptions): void {
  checkOptions('createEndSessionRequest', options, optionNames)
  const { idTokenHint, logoutHint, postLogoutRedirectUri, state, uiLocales, parameters } = options
  for (const [option, value] of Object.entries({ idTokenHint, logoutHint, state }))
    if (value !== undefined) checkText(option, value)
  for (const locale of [uiLocales ?? []].flat()) checkText('uiLocales', locale)
  if (postLogoutRedirectUri !== undefined) checkUrl('postLogoutRedirectUri', postLogoutRedirectUri)
  if (state !== undefined && postLogoutRedirectUri === undefined)
    throw optionError('state', 'comes back to postLogoutRedirectUri, which is not given')
  if (parameters !== undefined) checkObject('parameters', parameters)
  for (const [name, value] of Object.entries(parameters ?? {})) checkText(`parameters.${name}`, value)
}

/**
 * Checks that a browser that has come back was sent by us.
 *
 * @param request what {@link createEndSessionRequest} has given
 * @param answer the URL the browser came to, with or without its origin, or the parameters of its query
 * @throws ValidationError with `check` `state` when it has come with another state, none or several
 */
export function checkEndSessionResponse(
  { state }: Pick<EndSessionRequest, 'state'>,
  answer: string | URL | URLSearchParams,
): void {
  checkText('state', state)
  const came = queryOf(answer).getAll('state')
  if (came.length === 1 && came[0] === state) return
  const said = came.length === 0 ? 'none' : came.length === 1 ? 'another one' : `${came.length} of them`
  throw new ValidationError('state', `the browser came back with ${said}; expected was the one of the logout request`)
}

function queryOf(answer: string | URL | URLSearchParams): URLSearchParams {
  if (answer instanceof URLSearchParams) return answer
  const url = answer instanceof URL ? answer : parseUrl(String(answer), 'https://localhost')
  if (url === undefined) throw optionError('answer', 'must be a URL, or the parameters of its query')
  return url.searchParams
}
