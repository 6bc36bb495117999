/** Request bodies: which can be sent a second time. */

/**
 * Whether a body, as an adapter gets it, can be sent again. Streams cannot, and the `form-data` package's forms are
 * streams; what is not known is taken for one.
 */
export function isReplayable(data: unknown): boolean {
  if (data === undefined || data === null || typeof data === 'string') return true
  if (typeof data !== 'object' || 'pipe' in data || 'getReader' in data || Symbol.asyncIterator in data) return false
  return data instanceof ArrayBuffer || ArrayBuffer.isView(data) || replayableTags.has(tagOf(data))
}

const replayableTags = new Set(['Blob', 'File', 'FormData', 'URLSearchParams', 'SharedArrayBuffer'])

/** By name, not by class: polyfills and other realms have their own. */
function tagOf(object: object): string {
  return Object.prototype.toString.call(object).slice('[object '.length, -1)
}
