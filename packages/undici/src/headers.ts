/** Request headers in every form undici takes: an object, a flat list, an iterable of pairs. */

/** Headers as undici takes them. */
export type HeadersLike = object

/** Headers that can be read more than once: an iterator is read now. */
export function repeatable(headers: HeadersLike | null | undefined): HeadersLike | null | undefined {
  return Array.isArray(headers) || !isIterable(headers) ? headers : iterableOf([...headers])
}

/** Whether a header is among them. One that is `undefined` is not sent, and counts as absent. */
export function hasHeader(headers: HeadersLike | null | undefined, name: string): boolean {
  return pairsOf(headers).some(([each, value]) => String(each).toLowerCase() === name && value !== undefined)
}

/** The same in the same form, with those of `added` that are not there already. */
export function withHeaders(
  headers: HeadersLike | null | undefined,
  added: Readonly<Record<string, string>>,
): HeadersLike {
  const more = Object.entries(added).filter(([name]) => !hasHeader(headers, name.toLowerCase()))
  if (Array.isArray(headers)) return [...headers, ...(isFlat(headers) ? more.flat() : more)]
  if (!isIterable(headers)) return { ...withoutUndefined(headers), ...Object.fromEntries(more) }
  return iterableOf([...headers, ...more])
}

/**
 * The same as an object, which caches read, with those of `added` that are not there already. Repeated names have a list.
 */
export function asObject(
  headers: HeadersLike | null | undefined,
  added: Readonly<Record<string, string>>,
): HeadersLike {
  const all: Record<string, unknown> = {}
  for (const [name, value] of pairsOf(withHeaders(headers, added))) {
    const key = String(name).toLowerCase()
    all[key] = key in all ? [all[key], value].flat() : value
  }
  return all
}

/** The same without some of them, by lower-case names, as an object. */
export function withoutHeaders(headers: HeadersLike | null | undefined, names: readonly string[]): HeadersLike {
  return Object.fromEntries(Object.entries(asObject(headers, {})).filter(([name]) => !names.includes(name)))
}

/** No array, which undici would take for a flat list; no Map, which would lose repeated names. */
function iterableOf(pairs: readonly unknown[]): Iterable<unknown> {
  return { [Symbol.iterator]: () => pairs.values() }
}

type Pair = readonly [name: unknown, value: unknown]

function pairsOf(headers: HeadersLike | null | undefined): readonly Pair[] {
  if (Array.isArray(headers) && isFlat(headers))
    return headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]] as const] : []))
  return isIterable(headers) ? [...(headers as Iterable<Pair>)] : Object.entries(headers ?? {})
}

function isFlat(headers: readonly unknown[]): boolean {
  return !Array.isArray(headers[0])
}

function isIterable(headers: HeadersLike | null | undefined): headers is Iterable<unknown> {
  return typeof (headers as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] === 'function'
}

function withoutUndefined(headers: HeadersLike | null | undefined): object {
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([, value]) => value !== undefined))
}
