/** What a server answered, from any endpoint and in whatever shape: a JSON body, or a refusal. */
import { TokenResponseError } from './errors.js'
import type { Refusal } from './provider.js'
import type { TransportResponse } from './transport.js'

/** A body that was understood, or a refusal. */
export type ServerResponse = { readonly body: unknown } | { readonly refusal: Omit<Refusal, 'grantType' | 'scope'> }

/**
 * Reads an answer. A 200 with an `error` member is a refusal; anything that is neither is an error.
 *
 * @throws TokenResponseError saying what was expected; never what was received
 */
export function parseServerResponse(
  response: TransportResponse,
  provider: string,
  encoding: 'json' | 'form' = 'json',
): ServerResponse {
  const { status } = response
  const text = new TextDecoder().decode(response.body)
  if (status >= 300 && status < 400)
    throw new TokenResponseError(`expected an answer, got a redirect (${status}); redirects are not followed`, {
      provider,
      serverStatus: status,
    })
  const json = parseJson(text) ?? (encoding === 'form' ? parseForm(text) : undefined)
  if (status >= 400) return { refusal: { status, ...readRefusal(json, text) } }
  if (text.trim() === '')
    throw new TokenResponseError(`expected a JSON object, got status ${status} without a body`, {
      provider,
      serverStatus: status,
      retryable: true,
    })
  if (json === undefined)
    throw new TokenResponseError('expected a JSON object, got something else', { provider, serverStatus: status })
  const refusal = readRefusal(json, '')
  return isObject(json) && json.error !== undefined && json.error !== null
    ? { refusal: { status, ...refusal } }
    : { body: json }
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

/** Whether a parsed body is an object with members. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function parseForm(text: string): unknown {
  return /^[^\s<=]+=/.test(text) ? Object.fromEntries(new URLSearchParams(text.trim())) : undefined
}

type Reason = Pick<Refusal, 'error' | 'errorDescription'>

/**
 * Code and description, wherever a server puts them: at the top as RFC 6749 §5.2 has it, under `fault`, first of
 * `errors`, in XML, or as plain text.
 */
function readRefusal(json: unknown, text: string): Reason {
  if (!isObject(json)) return readText(text)
  const nested = [json.errors].flat()[0] ?? json.fault
  const source = isObject(nested) ? nested : json
  return {
    error: firstText(source, ['error', 'code', 'Code', 'errorCode', 'scimType']),
    errorDescription: firstText(source, [
      'error_description',
      'description',
      'message',
      'Message',
      'errorMessage',
      'detail',
      'error_message',
    ]),
  }
}

function readText(text: string): Reason {
  const code = /<(?:\w+:)?code>\s*([\w.-]{1,40})\s*</i.exec(text)?.[1]
  const description = /<(?:\w+:)?(?:description|message)>([^<]*)</i.exec(text)?.[1]
  if (code !== undefined) return { error: code, errorDescription: description }
  const isProse = text.trim() !== '' && !text.trimStart().startsWith('<')
  return { error: undefined, errorDescription: isProse ? text : undefined }
}

function firstText(source: Record<string, unknown>, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = source[name]
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'number') return String(value)
  }
  return undefined
}
