/** Where a redirect leads and what a request loses on the way, by the rules of fetch: a function of values alone. */
import { parseUrl } from './options.js'

/** A request, as far as a redirect concerns it. */
export interface RedirectedRequest {
  /** In capitals, as it goes over the wire. */
  readonly method: string
  /** Absolute. */
  readonly url: string
  /** Whether its body can be sent again. */
  readonly repeatable: boolean
}

/** An answer, as far as it may redirect. */
export interface RedirectAnswer {
  /** The HTTP status. */
  readonly status: number
  /** The header as it came: bytes as latin1. */
  readonly location: string | null | undefined
}

/** What is to be requested next. */
export interface NextHop {
  /** In capitals. */
  readonly method: string
  /** Absolute. */
  readonly url: string
  /** Whether the body stays behind: what follows is a GET. */
  readonly dropsBody: boolean
  /** Whether it goes to another origin. The caller's own credentials stay behind, in whatever form the client has them. */
  readonly leavesOrigin: boolean
  /** The headers that stay behind, in small letters. */
  readonly droppedHeaders: readonly string[]
}

/** Why a redirect cannot be followed, in words without the URL. */
export interface RedirectProblem {
  /** What is wrong with the answer. */
  readonly problem: string
}

/** How many redirects the fetch standard follows. */
export const defaultMaxRedirects = 20

/**
 * Reads an answer as a redirect.
 *
 * @returns the next hop, or why there is none; `undefined` for what is no redirect
 * @see https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export function nextHop(
  { method, url, repeatable }: RedirectedRequest,
  { status, location }: RedirectAnswer,
): NextHop | RedirectProblem | undefined {
  if (typeof location !== 'string' || !redirectStatuses.has(status)) return undefined
  const target = parseUrl(decodeLocation(location), url)
  if (target === undefined) return { problem: 'a redirect to what is no URL' }
  if (target.protocol !== 'http:' && target.protocol !== 'https:') return { problem: 'a redirect to what is not HTTP' }
  const dropsBody = becomesGet(status, method)
  // the standard minds the body of a 301 or 302 too, although what follows has none
  if (!repeatable && !(dropsBody && status === 303))
    return { problem: 'a redirect of a stream, which cannot be sent twice' }
  const leavesOrigin = target.origin !== new URL(url).origin
  return {
    method: dropsBody ? 'GET' : method,
    url: target.href,
    dropsBody,
    leavesOrigin,
    droppedHeaders: [...(dropsBody ? contentHeaders : []), ...(leavesOrigin ? privateHeaders : [])],
  }
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const contentHeaders = ['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']
/** The caller's own, which no other origin gets. */
const privateHeaders = ['authorization', 'cookie', 'dpop', 'host', 'proxy-authorization']

/** Header values are bytes; a URL in UTF-8 is read as one. */
function decodeLocation(location: string): string {
  return Buffer.from(location, 'latin1').toString()
}

function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD'
  return (status === 301 || status === 302) && method === 'POST'
}
