/** What a body holds: text, and in it JSON or a form. */

/** The text of a body: UTF-8, or UTF-16 where its first bytes say so (RFC 4627 §3). A byte order mark is left out. */
export function decodeText(body: Uint8Array | string): string {
  if (typeof body === 'string') return body.replace(/^\ufeff/, '')
  const { 0: first, 1: second } = body
  const isLittleEndian = (first === 0xff && second === 0xfe) || (first !== 0 && second === 0)
  const isBigEndian = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0 && second !== undefined)
  if (!isLittleEndian && !isBigEndian) return utf8.decode(body)
  return new TextDecoder(isLittleEndian ? 'utf-16le' : 'utf-16be').decode(body)
}

const utf8 = new TextDecoder()

/** `undefined` for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Far more than any form has that a server answers with. */
const mostOfForm = 262_144

/** `undefined` for what is no form: prose, HTML. */
export function parseForm(text: string): Record<string, string> | undefined {
  const trimmed = text.trim()
  if (trimmed.length > mostOfForm) return undefined
  return /^[^\s<{["=]+=/.test(trimmed) ? Object.fromEntries(new URLSearchParams(trimmed)) : undefined
}

/** Whether a parsed body is an object with members. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a member says nothing, as if it were not there: `null`, `false`, `0`, a blank text, and what holds only such. */
export function saysNothing(value: unknown, depth = 4): boolean {
  if (typeof value === 'object' && value !== null)
    return depth > 0 && Object.values(value).every(one => saysNothing(one, depth - 1))
  return typeof value === 'string' ? value.trim() === '' : !value
}

/**
 * Freezes what JSON holds, all through.
 *
 * @returns `false` where it is nested deeper than so many levels: then what is there is not frozen
 */
export function freezeJson(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return true
  if (depth === 0) return false
  for (const one of Object.values(value)) if (typeof one === 'object' && !freezeJson(one, depth - 1)) return false
  Object.freeze(value)
  return true
}

/** What kind of value a member is, as a message may say it: never the value. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (value === '') return 'an empty string'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
