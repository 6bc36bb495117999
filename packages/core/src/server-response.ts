/** What a server answered, from any endpoint: something in a shape that the endpoint takes, or a refusal. */
import type { AnswerShape, Content } from './answer-shape.js'
import { decodeText, isObject, parseForm, parseJson, saysNothing } from './body.js'
import { TokenResponseError } from './errors.js'
import type { Provider, Refusal, RequestFacts } from './provider.js'
import { type Reason, readChallenge, readReason } from './refusal.js'
import type { TransportResponse } from './transport.js'

/** A refusal, without what was asked for. */
type Told = Omit<Refusal, keyof RequestFacts | 'scope'>

/** What was asked for, in one of the shapes it may have; or a refusal. */
export type ServerResponse<Shape> = { readonly shape: Shape; readonly content: Content } | { readonly refusal: Told }

export interface ServerResponseOptions<Shape> {
  /** Names the server in errors. */
  readonly provider: string
  /** What is taken for an answer; the first that fits is chosen. */
  readonly accepts: readonly Shape[]
  /** Whether a refusal may have its reason in `WWW-Authenticate` (RFC 6750 §3). Default `false`. */
  readonly isApi?: boolean | undefined
  /** How answers are written where they are not JSON. Default `'json'`. */
  readonly encoding?: 'json' | 'form' | undefined
  /** Gives the members of an answer the RFC's names. Default: they have them. */
  readonly map?: ((body: unknown) => unknown) | undefined
}

/**
 * Reads an answer. A 200 with an `error` member that says something is a refusal, also when the mapping says so; anything
 * that is neither is an error.
 *
 * @throws TokenResponseError saying what was expected; never what was received
 */
export function parseServerResponse<Shape extends Pick<AnswerShape<unknown>, 'name' | 'fits'>>(
  response: TransportResponse,
  { provider, accepts, isApi = false, encoding = 'json', map = body => body }: ServerResponseOptions<Shape>,
): ServerResponse<Shape> {
  const { status } = response
  const text = decodeText(response.body)
  const fail = (message: string, retryable = false) =>
    new TokenResponseError(message, { provider, serverStatus: status, retryable })
  if (status >= 300 && status < 400)
    throw fail(`expected an answer, got a redirect (${status}); redirects are not followed`)
  const json = parseJson(text) ?? (encoding === 'form' ? parseForm(text) : undefined)
  const challenge = isApi ? response.headers.get('www-authenticate') : null
  const readTold = () => ({ status, ...reasonOf(json, text, challenge), body: asItCame(json, text) })
  if (status >= 400 || (json === undefined && parseForm(text)?.error)) return { refusal: readTold() }
  const success = json === undefined ? { text, body: undefined, original: undefined } : readJson(json, readTold, map)
  if ('refusal' in success) return success
  const content = { text, ...success }
  const shape = accepts.find(({ fits }) => fits(content))
  if (shape !== undefined) return { shape, content }
  const wanted = [...new Set(accepts.map(({ name }) => name))].join(' or ')
  const isEmpty = text.trim() === ''
  throw fail(`expected ${wanted}, got ${isEmpty ? `status ${status} without a body` : 'something else'}`, isEmpty)
}

function reasonOf(json: unknown, text: string, challenge: string | null): Reason {
  const said = readReason(json, text)
  const { error, errorDescription } = readChallenge(challenge)
  return said.error === undefined ? { error, errorDescription: errorDescription ?? said.errorDescription } : said
}

/**
 * The mapping has the last word on `error`: it may name one, or say by an empty one that there is none.
 *
 * @param readTold looks for a refusal in every member, which an answer that is none is spared
 */
function readJson(
  json: unknown,
  readTold: () => Told,
  map: (body: unknown) => unknown,
): Omit<Content, 'text'> | { readonly refusal: Told } {
  // before the mapping has it in hand
  const refused = isObject(json) && !saysNothing(json.error) ? readTold() : undefined
  let body: unknown
  try {
    body = map(json)
  } catch (error) {
    if (refused !== undefined) return { refusal: refused }
    throw error
  }
  const error = (isObject(body) ? body.error : undefined) === undefined ? refused !== undefined : Object(body).error
  if (saysNothing(error)) return { body, original: json }
  const told = refused ?? readTold()
  const named = readReason(body)
  return {
    refusal: {
      ...told,
      error: named.error ?? told.error,
      errorDescription: named.errorDescription ?? told.errorDescription,
    },
  }
}

/**
 * Gives an answer of another endpoint than the token endpoint the RFC's names.
 *
 * @throws TokenResponseError when the provider's mapping cannot read it
 */
export function mapResponse(body: unknown, { conform, name }: Provider, facts: RequestFacts): unknown {
  try {
    return conform.mapResponse?.(body, facts) ?? body
  } catch {
    // its error is left out, since it may quote the answer
    throw new TokenResponseError('expected what mapResponse() can read', { provider: name })
  }
}

const mostShown = 65_536

/** For a provider's own reading; bounded, since it may be kept. */
function asItCame(json: unknown, text: string): unknown {
  return json === undefined || text.length > mostShown ? text.slice(0, mostShown) : json
}

/** The seconds or the date of a `Retry-After` header, in milliseconds from `now`: a second at least, an hour at most (RFC 9110 §10.2.3). */
export function retryAfterMs(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim()
  if (!text) return undefined
  // Date.parse takes '-5' for a month; a date worth the name has a time
  const date = /\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : date - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 1_000), 3_600_000)
}
