/** Request bodies: which can be sent a second time, by a redirect or once a rejected token has been replaced. */

/**
 * Whether a request body can be sent again: none, text, bytes, `Blob`, `FormData` and `URLSearchParams` can. Streams and
 * iterators cannot, nor can the `form-data` package's forms, which are streams; what is not known is taken for one.
 *
 * @param body as the HTTP client takes it
 */
export function isRepeatableBody(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true
  if (typeof body !== 'object' || 'pipe' in body || 'getReader' in body || Symbol.asyncIterator in body) return false
  return ArrayBuffer.isView(body) || repeatableTags.has(tagOf(body))
}

const repeatableTags = new Set(['ArrayBuffer', 'Blob', 'File', 'FormData', 'SharedArrayBuffer', 'URLSearchParams'])

/** By name, not by class: polyfills, other realms and every copy of undici have their own. */
function tagOf(object: object): string {
  return Object.prototype.toString.call(object).slice('[object '.length, -1)
}
