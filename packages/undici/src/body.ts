/** Request bodies: which can be sent a second time. */

/** Whether a body can be sent again. Streams and iterators cannot; what is not known is taken for one. */
export function isReplayable(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true
  if (typeof body !== 'object' || 'pipe' in body || 'getReader' in body || Symbol.asyncIterator in body) return false
  return ArrayBuffer.isView(body) || replayableTags.has(tagOf(body))
}

const replayableTags = new Set(['ArrayBuffer', 'Blob', 'File', 'FormData', 'SharedArrayBuffer', 'URLSearchParams'])

/** By name, not by class: every copy of undici has its own. */
function tagOf(object: object): string {
  return Object.prototype.toString.call(object).slice('[object '.length, -1)
}
