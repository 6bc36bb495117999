/** How an answer of the authorization endpoint goes back to the application: query, fragment or form, plain or as a JWT. */
import type { Answer } from '../answer.js'
import { epochSeconds } from '../clock.js'
import { signJwt } from '../jwt.js'
import { formPostPage } from './authorization-pages.js'
import type { AuthorizationServer } from './authorization-server.js'

/** `response_mode` in two parts. */
export interface ResponseMode {
  readonly channel: 'query' | 'fragment' | 'form_post'
  /** As one signed parameter `response` (JARM). */
  readonly isJwt: boolean
}

/** Where an answer goes. */
export interface Destination {
  readonly redirectUri: string
  readonly state: string | undefined
  readonly mode: ResponseMode
}

/** Where an answer is without a `response_mode`: an ID token is not for a query, which servers write down. */
export function standardMode(responseType: string): ResponseMode {
  return { channel: responseType.includes('id_token') ? 'fragment' : 'query', isJwt: false }
}

/** Undefined when the mode is none the server knows; `jwt` leaves the channel to the response type. */
export function parseResponseMode(mode: string | undefined, responseType: string): ResponseMode | undefined {
  const standard = standardMode(responseType)
  if (mode === undefined) return standard
  if (mode === 'jwt') return { ...standard, isJwt: true }
  const [, channel, jwt] = /^(query|fragment|form_post)(\.jwt)?$/.exec(mode) ?? []
  return channel === undefined ? undefined : { channel: channel as ResponseMode['channel'], isJwt: jwt !== undefined }
}

/** A redirect, or a form to send on. `state` comes back where there was one. */
export async function answerAt(
  server: AuthorizationServer,
  { redirectUri, state, mode }: Destination,
  answer: Readonly<Record<string, string>>,
): Promise<Answer> {
  const plain = state === undefined ? answer : { ...answer, state }
  const parameters: Record<string, string> = mode.isJwt ? { response: await signResponse(server, plain) } : plain
  if (mode.channel === 'form_post') return formPostPage(redirectUri, parameters)
  const location = new URL(redirectUri)
  const encoded = new URLSearchParams(parameters).toString()
  if (mode.channel === 'fragment') location.hash = encoded
  else location.search = [location.search.slice(1), encoded].filter(part => part !== '').join('&')
  return { status: 302, headers: { location: location.href, 'cache-control': 'no-store' } }
}

/** @see JWT Secured Authorization Response Mode (JARM) §2.1 */
async function signResponse(server: AuthorizationServer, parameters: Record<string, string>): Promise<string> {
  const { privateKey, certificateHash } = await server.keys()
  const now = epochSeconds(server.clock.now())
  const claims = { ...parameters, iss: server.issuer, aud: server.store.client.id, exp: now + 7200 }
  return signJwt({ kid: `${certificateHash}_PS256`, alg: 'PS256' }, claims, privateKey)
}
