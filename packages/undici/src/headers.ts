/** Request headers in every form undici takes: an object, a flat list, an iterable of pairs. */

/** Headers as a caller gave them. */
export type GivenHeaders = object | null | undefined

/** By name, spelt as it came; several values of one name are a list. One that is `undefined` is not sent. */
export type HeaderObject = Readonly<Record<string, unknown>>

/** Headers as an object of our own. What can be read once alone has been read then. */
export function headerObject(given: GivenHeaders): HeaderObject {
  return isIterable(given) ? collected(pairsOf(given)) : { ...given }
}

/** Whether headers can be read again, in their own form. */
export function isLasting(given: GivenHeaders): boolean {
  return Array.isArray(given) || !isIterable(given)
}

type Pair = readonly [name: unknown, value: unknown]

function collected(pairs: Iterable<Pair>): HeaderObject {
  const all: Record<string, unknown> = {}
  const spelt = new Map<string, string>()
  for (const [name, value] of pairs) {
    if (value === undefined) continue
    const lower = String(name).toLowerCase()
    const key = spelt.get(lower) ?? String(name)
    all[key] = spelt.has(lower) ? [all[key], value].flat() : value
    spelt.set(lower, key)
  }
  return all
}

function pairsOf(headers: Iterable<unknown>): Iterable<Pair> {
  if (!Array.isArray(headers) || Array.isArray(headers[0])) return headers as Iterable<Pair>
  return headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]] as const] : []))
}

function isIterable(headers: GivenHeaders): headers is Iterable<unknown> {
  return typeof (headers as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] === 'function'
}
