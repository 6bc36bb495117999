/** Code and words of a refusal, wherever a server puts them: at the top as RFC 6749 §5.2 has it, or in its own members. */
import { STATUS_CODES } from 'node:http'
import { isObject, parseForm } from './body.js'

/** What a server says of its refusal. */
export interface Reason {
  readonly error: string | undefined
  readonly errorDescription: string | undefined
}

/**
 * Reads a refusal.
 *
 * @param json the parsed body; `undefined` when it is no JSON
 * @param text the body as it came
 */
export function readReason(json: unknown, text = ''): Reason {
  const body = json ?? formWithError(text)
  if (typeof body === 'object' && body !== null) return readMembers(body)
  return readText(typeof body === 'string' ? body : text)
}

/** What a resource that wants a token says of one, in its `WWW-Authenticate` (RFC 6750 §3). Searched, not parsed. */
export function readChallenge(header: string | null): Reason {
  const member = (name: string) => {
    const [, quoted, plain] = new RegExp(`\\b${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([\\w.-]+))`).exec(header ?? '') ?? []
    return quoted ?? plain
  }
  return { error: member('error'), errorDescription: member('error_description') }
}

/** A failure told with a status of success: a code of its own, in words that do not say success. */
export function readFailure(json: unknown): Reason | undefined {
  if (typeof json !== 'object' || json === null) return undefined
  const sources = sourcesOf(json)
  const error = best(sources.flatMap(source => valuesOf(source, codeNames)))
  const reason = readMembers(json)
  const saysSuccess = /^\W*(success|succeeded|successful|ok|accepted)\b/i
  const isFailure = error !== undefined && !isWeak(error) && !saysSuccess.test(error)
  return isFailure && !saysSuccess.test(reason.errorDescription ?? '') ? reason : undefined
}

/** Members that hold a code; compared in lower case, without `_` and `-`. */
const codeNames = ['errorcode', 'errcode', 'error', 'code', 'faultcode', 'scimtype', 'errorid', 'errortype']
/** Members that hold one where there is none of those; those of RFC 9457 among them. */
const looseNames = ['type', 'title', 'status', 'name']
const descriptionNames = [
  'description',
  'message',
  'msg',
  'errormessage',
  'errormsg',
  'errmsg',
  'errorsummary',
  'faultstring',
  'detail',
  'details',
  'errordescription',
  'reason',
  'title',
]

type Source = ReadonlyMap<string, unknown>

function readMembers(body: object): Reason {
  const { error: standard, error_description: words } = body as { error?: unknown; error_description?: unknown }
  const sources = sourcesOf(body)
  const texts = (names: readonly string[]) => sources.flatMap(source => valuesOf(source, names))
  const codes = [...(isCode(standard) ? [standard] : []), ...texts(codeNames)]
  const descriptions = [textOf(words) ?? [], texts(descriptionNames), codes.filter(text => /\s/.test(text))].flat()
  const error = [...codes, ...descriptions].find(text => oauthCodes.has(text)) ?? best([...codes, ...texts(looseNames)])
  return { error, errorDescription: [...descriptions, ...fieldWords(body)].find(text => text !== error) }
}

/** The object itself, and what it holds about its refusal. A code at the top counts first, then what says more. */
function sourcesOf(body: object): Source[] {
  const top = sourceOf(body)
  if (top === undefined) return []
  const nested = ['error', 'errors', 'fault', 'data'].flatMap(name => sourceOf(top.get(name)) ?? [])
  const inner = nested.flatMap(source =>
    ['detail', 'details', 'extensions'].flatMap(name => objectIn(source.get(name))),
  )
  return isCode((body as { error?: unknown }).error) ? [top, ...nested, ...inner] : [...inner, ...nested, top]
}

/** A form's complaints, by the names of its fields. */
function fieldWords(body: object): string[] {
  const { errors } = body as { errors?: unknown }
  return isObject(errors) ? Object.entries(errors).map(([name, words]) => `${name}: ${textOf(words) ?? 'refused'}`) : []
}

function objectIn(value: unknown): Source[] {
  return isObject(value) ? [sourceOf(value) as Source] : []
}

/** An object, or the first of a list; a text alone is a code or a description. */
function sourceOf(value: unknown): Source | undefined {
  const first = Array.isArray(value) ? value[0] : value
  if (typeof first === 'string' && first !== value) return new Map([[isCode(first) ? 'code' : 'message', first]])
  if (!isObject(first)) return undefined
  return new Map(Object.entries(first).map(([name, member]) => [name.toLowerCase().replace(/[_-]/g, ''), member]))
}

/** A text without blanks that says something. */
function isCode(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) && !isWeak(value)
}

function valuesOf(source: Source, names: readonly string[]): string[] {
  return names.flatMap(name => textOf(source.get(name)) ?? [])
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return value.trim() === '' ? undefined : value
  if (Array.isArray(value)) return typeof value[0] === 'string' ? textOf(value[0]) : undefined
  return isObject(value) && typeof value.value === 'string' ? textOf(value.value) : undefined
}

/** The first code, else the first sentence, else whatever repeats the status. */
function best(texts: readonly string[]): string | undefined {
  return texts.find(isCode) ?? texts.find(text => !isWeak(text)) ?? texts.find(text => !/^(0+|about:blank)$/.test(text))
}

const phrases = new Set(Object.values(STATUS_CODES).map(phrase => phrase?.toLowerCase()))

/** What repeats the status, or only says that there is an error. */
function isWeak(text: string): boolean {
  const saysNothing = /^(0+|about:blank|error|fail(ed|ure)?|true|false)$/i.test(text)
  return saysNothing || Object.hasOwn(STATUS_CODES, text) || phrases.has(text.toLowerCase())
}

/** RFC 6749 §5.2, RFC 8628 §3.5, RFC 8707 §2, RFC 9449 §5, OpenID Connect Core §3.1.2.6: whatever member holds them. */
const oauthCodes = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'access_denied',
  'server_error',
  'temporarily_unavailable',
  'authorization_pending',
  'slow_down',
  'expired_token',
  'interaction_required',
  'login_required',
  'consent_required',
  'account_selection_required',
  'unmet_authentication_requirements',
])

function formWithError(text: string): unknown {
  const form = parseForm(text)
  return form?.error === undefined ? undefined : form
}

function readText(text: string): Reason {
  const trimmed = text.trim()
  if (oauthCodes.has(trimmed)) return { error: trimmed, errorDescription: undefined }
  const code = /<(?:\w+:)?(?:error|(?:error_?)?code|faultcode)>\s*([\w.:-]{1,80})\s*</i.exec(text)?.[1]
  const description = /<(?:\w+:)?(?:(?:error_?)?(?:description|message)|faultstring)>([^<]*)</i.exec(text)?.[1]
  if (code !== undefined) return { error: code, errorDescription: description }
  const isProse = trimmed !== '' && !trimmed.startsWith('<')
  return { error: undefined, errorDescription: isProse ? text : undefined }
}
