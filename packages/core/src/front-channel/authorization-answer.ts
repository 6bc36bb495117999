/** An authorization response as it came, in whatever form a framework gives it: its parameters, each once (RFC 6749 §4.1.2). */
import { isObject, kindOf } from '../body.js'
import { ValidationError } from '../errors.js'
import { optionError, parseUrl, refusePromise } from '../options.js'

/**
 * What came to the redirect URI: the URL or its path and query, with the fragment where the page has forwarded it; the
 * body of a form post as text; or the parameters, as `URLSearchParams` or as the object a framework has made of them.
 */
export type AuthorizationAnswer = string | URL | AnswerEntries | Readonly<Record<string, unknown>>

/** `URLSearchParams`, or `FormData`. */
export interface AnswerEntries {
  /** All that came by a name. */
  getAll(name: string): readonly unknown[]
}

/** The parameters of an answer, and what is known of how they came. */
export interface ReceivedAnswer {
  /** By their names on the wire; only those of the protocol. */
  readonly parameters: Readonly<Partial<Record<AnswerParameter, string>>>
  /** `undefined` where only parameters were given. */
  readonly channel: 'query' | 'fragment' | undefined
  /** Where it came; `undefined` where that was not given. */
  readonly url: URL | undefined
}

const names = ['code', 'state', 'iss', 'id_token', 'access_token', 'response', 'error', 'error_description'] as const

/** The parameters an answer may have, whichever way it comes. @see RFC 6749 §4.1.2, RFC 9207 §2, JARM §2.3 */
type AnswerParameter = (typeof names)[number]

/** Whether a name is a response parameter's, which a redirect URI may not have in its own query. */
export function isAnswerParameter(name: string): boolean {
  return (names as readonly string[]).includes(name)
}

type AnswerParameters = ReceivedAnswer['parameters']

/** Far more than any server sends, an encrypted ID token included. */
const mostCharacters = 131_072

/**
 * Reads what came. Parameters that are none of the protocol's are left out: a redirect URI may have its own.
 *
 * @throws TypeError naming `answer` where it is of no form that is taken; ValidationError naming a parameter that came
 *   twice, or is no text
 */
export function readAnswer(answer: AuthorizationAnswer): ReceivedAnswer {
  refusePromise('answer', answer)
  if (answer instanceof URL) return fromUrl(answer)
  if (typeof answer === 'string') return fromText(answer)
  if (!isObject(answer))
    throw optionError('answer', `must be the URL, body or parameters that came, got ${kindOf(answer)}`)
  if (isEntries(answer)) return withoutChannel(name => answer.getAll(name))
  if ('headers' in answer)
    throw optionError('answer', 'is a request; give its URL, as the browser asked for it, or the body of a form post')
  return { parameters: parametersIn(answer), channel: undefined, url: undefined }
}

function isEntries(answer: object): answer is AnswerEntries {
  return typeof (answer as Partial<AnswerEntries>).getAll === 'function'
}

/** The parameters among an object's members; what query parsers make of one that came twice is a list. */
export function parametersIn(members: Readonly<Record<string, unknown>>): AnswerParameters {
  return parametersOf(name => listOf(Object.hasOwn(members, name) ? members[name] : undefined))
}

function listOf(value: unknown): readonly unknown[] {
  return value === undefined ? [] : [value].flat()
}

function fromText(answer: string): ReceivedAnswer {
  if (answer.length > mostCharacters) throw new ValidationError('response', 'the answer is too long to be one')
  const text = answer.trim()
  const isUrl = /^(?:[a-z][a-z0-9+.-]*:|[/?#])/i.test(text)
  if (!isUrl) {
    const entries = new URLSearchParams(text)
    return withoutChannel(name => entries.getAll(name))
  }
  const url = parseUrl(text, 'http://localhost')
  if (url === undefined) throw optionError('answer', 'is no URL')
  const read = fromUrl(url)
  return /^[?#]/.test(text) ? { ...read, url: undefined } : read
}

function fromUrl(url: URL): ReceivedAnswer {
  if (url.href.length > mostCharacters) throw new ValidationError('response', 'the answer is too long to be one')
  const [query, fragment] = [url.search, url.hash].map(parametersAfterMark) as [AnswerParameters, AnswerParameters]
  const [inQuery, inFragment] = [query, fragment].map(parameters => Object.keys(parameters).length > 0)
  if (inQuery && inFragment)
    throw new ValidationError('response_mode', 'parameters of an answer came in both query and fragment')
  const [channel, parameters] = inFragment ? (['fragment', fragment] as const) : (['query', query] as const)
  return { parameters, channel, url }
}

/** Those of a query or a fragment, which begins with its mark. */
function parametersAfterMark(part: string): AnswerParameters {
  if (part === '') return {}
  const entries = new URLSearchParams(part.slice(1))
  return parametersOf(name => entries.getAll(name))
}

function withoutChannel(valuesOf: (name: string) => readonly unknown[]): ReceivedAnswer {
  return { parameters: parametersOf(valuesOf), channel: undefined, url: undefined }
}

/** RFC 6749 §3.1: a parameter is not included more than once. */
function parametersOf(valuesOf: (name: string) => readonly unknown[]): AnswerParameters {
  const found: Partial<Record<AnswerParameter, string>> = {}
  for (const name of names) {
    const [value, ...more] = valuesOf(name)
    if (more.length > 0) throw new ValidationError(name, 'came more than once; each parameter of an answer comes once')
    if (value === undefined) continue
    if (typeof value !== 'string') throw new ValidationError(name, `is ${kindOf(value)}; expected a text`)
    if (value.length > mostCharacters) throw new ValidationError(name, 'is too long to be one')
    found[name] = value
  }
  return found
}
