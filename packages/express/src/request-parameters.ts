/** What a request brings as parameters: in its query, and in a form. */
import { ValidationError } from '@grantkit/core'
import type { WebRequest } from './middleware.js'

/** What stands behind the first question mark of the address, as it came. */
export function queryTextOf({ originalUrl }: WebRequest): string {
  const start = originalUrl.indexOf('?')
  return start === -1 ? '' : originalUrl.slice(start + 1)
}

/** The same, read: whatever `query parser` the app has. */
export function queryOf(request: WebRequest): URLSearchParams {
  return new URLSearchParams(queryTextOf(request))
}

/** The code, an ID token and more, encrypted: far more than any server sends. */
const mostBytes = 131_072

/**
 * The form, as a body parser has made it, or read here.
 *
 * @throws ValidationError `response` where it is too long, or no form
 */
export async function formOf(request: WebRequest): Promise<URLSearchParams | object> {
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new ValidationError('response', 'a form was expected (application/x-www-form-urlencoded)')
  // express.json() of Express 4 leaves {} behind where it has read nothing
  if (!request.readableDidRead) return new URLSearchParams(await textOf(request).finally(() => request.resume()))
  const { body } = request
  if (typeof body === 'string' || Buffer.isBuffer(body)) return new URLSearchParams(body.toString())
  if (typeof body === 'object' && body !== null) return body
  throw new ValidationError('response', 'its body was read before grantkit(), by what has left nothing in request.body')
}

/** What is left of one that is too long has to be let by: the connection is kept, and the next request may be anybody's. */
async function textOf(request: WebRequest): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new ValidationError('response', 'the answer is too long to be one')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
