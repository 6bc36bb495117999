/** Request headers in every form undici takes: an object, a flat list, an iterable of pairs. */

/** Headers as a caller gave them. */
export interface CallersHeaders {
  /** In their own form; what can be read once alone has become an object. */
  readonly given: object | null | undefined
  /** As an object, spelt as they came; several values of one name are a list. */
  readonly all: Readonly<Record<string, unknown>>
  /** By the name in small letters. One that is `undefined` is not sent, and counts as absent. */
  has(name: string): boolean
}

export function readHeaders(given: object | null | undefined): CallersHeaders {
  const all: Record<string, unknown> = {}
  const spelt = new Map<string, string>()
  for (const [name, value] of pairsOf(given)) {
    if (value === undefined) continue
    const lower = String(name).toLowerCase()
    const key = spelt.get(lower) ?? String(name)
    all[key] = spelt.has(lower) ? [all[key], value].flat() : value
    spelt.set(lower, key)
  }
  const isLasting = Array.isArray(given) || !isIterable(given)
  return { given: isLasting ? given : all, all, has: name => spelt.has(name) }
}

type Pair = readonly [name: unknown, value: unknown]

function pairsOf(headers: object | null | undefined): Iterable<Pair> {
  if (!Array.isArray(headers)) return isIterable(headers) ? headers : Object.entries(headers ?? {})
  if (Array.isArray(headers[0])) return headers
  return headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]] as const] : []))
}

function isIterable(headers: object | null | undefined): headers is Iterable<Pair> {
  return typeof (headers as Partial<Iterable<Pair>> | null | undefined)?.[Symbol.iterator] === 'function'
}
