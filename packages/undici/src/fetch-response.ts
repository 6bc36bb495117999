/** What is done with an answer before the caller gets it: its redirect followed, its beginning read. */
import { type Answer, beginningOf, isRepeatableBody, nextHop } from '@grantkit/core/kit'
import { Hop } from './fetch-request.js'

/**
 * Where a redirect leads, or `undefined` for what is none.
 *
 * @throws TypeError where fetch reports a network error
 */
export function redirected(hop: Hop, response: Response): Hop | undefined {
  if (response.type === 'opaqueredirect') throw networkError('this fetch does not show where a redirect leads')
  // most answers are none
  if (response.status < 300 || response.status > 399) return undefined
  const request = { method: hop.method, url: hop.url, repeatable: isRepeatableBody(hop.body) }
  const next = nextHop(request, { status: response.status, location: response.headers.get('location') })
  if (next === undefined) return undefined
  if ('problem' in next) throw networkError(next.problem)
  const headers = new Headers(hop.fields)
  for (const name of next.droppedHeaders) headers.delete(name)
  const body = next.dropsBody ? undefined : hop.body
  return new Hop({ ...hop, method: next.method, url: next.url, fields: Object.fromEntries(headers), body })
}

/** As core sees it. */
export class Answered implements Answer {
  readonly #response: Response

  constructor(response: Response) {
    this.#response = response
  }

  get status(): number {
    return this.#response.status
  }

  header(name: string): string | undefined {
    return this.#response.headers.get(name) ?? undefined
  }
}

/** What fetch rejects with. */
export function networkError(problem: string): TypeError {
  return new TypeError('fetch failed', { cause: new Error(problem) })
}

/** The beginning of an answer's body as text, and an answer whose body begins at the beginning. */
export async function readBeginning(response: Response): Promise<{ text: string; intact: Response }> {
  const { body, status, statusText, headers, url, redirected, type } = response
  if (typeof body?.getReader !== 'function') return { text: '', intact: response }
  const { text, whole } = await beginningOf(body)
  const Class = response.constructor as typeof Response
  const intact = new Class(whole as ReadableStream, { status, statusText, headers })
  for (const [name, value] of Object.entries({ url, redirected, type })) define(intact, name, value)
  return { text, intact }
}

/** Sets what a Response is not told when it is made. */
export function define(response: Response, name: string, value: unknown): void {
  Object.defineProperty(response, name, { value, configurable: true })
}

/** Lets go of a body nobody will read, so that its connection is free. */
export function discard({ body }: Response): void {
  if (typeof body?.cancel === 'function') body.cancel().catch(() => {})
}
