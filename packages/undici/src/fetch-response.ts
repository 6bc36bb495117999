/** What is done with an answer before the caller gets it: its redirect followed, its beginning read. */
import { parseUrl, uncachedAnswer } from '@grantkit/core/kit'
import { isReplayable } from './body.js'
import type { Hop } from './fetch-request.js'
import { peek } from './peek.js'

/**
 * Where a redirect leads, or `undefined` for what is none.
 *
 * @throws TypeError where fetch reports a network error
 * @see https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export function nextHop(hop: Hop, response: Response): Hop | undefined {
  if (response.type === 'opaqueredirect') throw networkError('this fetch does not show where a redirect leads')
  const location = [301, 302, 303, 307, 308].includes(response.status) ? response.headers.get('location') : null
  if (location === null) return undefined
  const target = targetOf(location, hop.url)
  const { status } = response
  if (status !== 303 && !isReplayable(hop.body))
    throw networkError('a redirect of a stream, which cannot be sent twice')
  const dropsBody = status === 303 ? !['GET', 'HEAD'].includes(hop.method) : status < 303 && hop.method === 'POST'
  const headers = new Headers(hop.headers)
  if (dropsBody) for (const name of contentHeaders) headers.delete(name)
  if (target.origin !== new URL(hop.url).origin) for (const name of privateHeaders) headers.delete(name)
  return { ...hop, url: target.href, headers, ...(dropsBody && { method: 'GET', body: undefined }) }
}

const contentHeaders = ['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']
/** The caller's own, which no other origin gets. */
const privateHeaders = ['authorization', 'cookie', 'host', 'proxy-authorization']

function targetOf(location: string, base: string): URL {
  // header values are bytes; a URL in UTF-8 is read as one
  const text = Buffer.from(location, 'latin1').toString()
  const target = parseUrl(text, base)
  if (target === undefined) throw networkError('a redirect to what is no URL')
  if (!['http:', 'https:'].includes(target.protocol)) throw networkError('a redirect to what is not HTTP')
  return target
}

/** What fetch rejects with. */
export function networkError(problem: string): TypeError {
  return new TypeError('fetch failed', { cause: new Error(problem) })
}

const maxBeginning = 65_536

/** The first 64 KiB of an answer's body as text, and an answer whose body begins at the beginning. */
export async function readBeginning(response: Response): Promise<{ text: string; intact: Response }> {
  const { body, status, statusText, headers, url, redirected, type } = response
  if (typeof body?.getReader !== 'function') return { text: '', intact: response }
  const { beginning, whole } = await peek(body, maxBeginning)
  const Class = response.constructor as typeof Response
  const intact = new Class(ReadableStream.from(whole), { status, statusText, headers })
  for (const [name, value] of Object.entries({ url, redirected, type })) define(intact, name, value)
  return { text: beginning.subarray(0, maxBeginning).toString(), intact }
}

/** A wrapper above may keep answers, and does not know of tokens: it is told not to. The body is the answer's own. */
export function keptFromCaches(response: Response): Response {
  const headers = new Headers(response.headers)
  headers.set('cache-control', uncachedAnswer)
  define(response, 'headers', headers)
  return response
}

/** Sets what a Response is not told when it is made. */
export function define(response: Response, name: string, value: unknown): void {
  Object.defineProperty(response, name, { value, configurable: true })
}

/** Lets go of a body nobody will read, so that its connection is free. */
export function discard({ body }: Response): void {
  if (typeof body?.cancel === 'function') body.cancel().catch(() => {})
}
