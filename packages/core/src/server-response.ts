/** What a server answered, from any endpoint and in whatever shape: a JSON body, or a refusal. */
import { decodeText, isObject, parseForm, parseJson, saysNothing } from './body.js'
import { TokenResponseError } from './errors.js'
import type { Refusal } from './provider.js'
import { readReason } from './refusal.js'
import type { TransportResponse } from './transport.js'

/** A refusal, without what was asked for. */
type Told = Omit<Refusal, 'grantType' | 'scope'>

/** A body that was understood, by the RFC's names and as it came; or a refusal. */
export type ServerResponse = { readonly body: unknown; readonly original: unknown } | { readonly refusal: Told }

export interface ServerResponseOptions {
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
export function parseServerResponse(
  response: TransportResponse,
  provider: string,
  { encoding = 'json', map = body => body }: ServerResponseOptions = {},
): ServerResponse {
  const { status } = response
  const text = decodeText(response.body)
  const fail = (message: string, retryable = false) =>
    new TokenResponseError(message, { provider, serverStatus: status, retryable })
  if (status >= 300 && status < 400)
    throw fail(`expected an answer, got a redirect (${status}); redirects are not followed`)
  const json = parseJson(text) ?? (encoding === 'form' ? parseForm(text) : undefined)
  const told = { status, ...readReason(json, text), body: asItCame(json, text) }
  if (status >= 400) return { refusal: told }
  if (text.trim() === '') throw fail(`expected a JSON object, got status ${status} without a body`, true)
  if (json === undefined && parseForm(text)?.error) return { refusal: told }
  if (json === undefined) throw fail('expected a JSON object, got something else')
  return readSuccess(json, told, map)
}

/** The mapping has the last word on `error`: it may name one, or say by an empty one that there is none. */
function readSuccess(json: unknown, told: Told, map: (body: unknown) => unknown): ServerResponse {
  const isRefused = isObject(json) && !saysNothing(json.error)
  let body: unknown
  try {
    body = map(json)
  } catch (error) {
    if (isRefused) return { refusal: told }
    throw error
  }
  const error = (isObject(body) ? body.error : undefined) === undefined ? isRefused : Object(body).error
  if (saysNothing(error)) return { body, original: json }
  const named = readReason(body)
  return {
    refusal: {
      ...told,
      error: named.error ?? told.error,
      errorDescription: named.errorDescription ?? told.errorDescription,
    },
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
