/** What a browser brings to the redirect URI: in the query, in a form, or in a fragment that our page has posted. */
import { type AuthorizationAnswer, ValidationError } from '@grantkit/core'
import { fragmentField } from './fragment-page.js'
import type { WebRequest } from './middleware.js'

/** An answer as core reads it, and how it came. */
export interface Received {
  readonly answer: AuthorizationAnswer
  readonly channel: 'query' | 'fragment' | 'form_post'
}

/** The code, an ID token and more, encrypted: far more than any server sends. */
const mostBytes = 131_072

/**
 * Reads it; `undefined` where nothing came, since it stands in the fragment then.
 *
 * @throws ValidationError `response` where a body is too long, or no form
 */
export async function receivedAnswer(request: WebRequest): Promise<Received | undefined> {
  if (request.method === 'POST') return posted(await formOf(request))
  const query = request.originalUrl.split('?', 2)[1] ?? ''
  const names = [...new URLSearchParams(query).keys()]
  return names.some(isOfAnswer) ? { answer: `?${query}`, channel: 'query' } : undefined
}

function isOfAnswer(name: string): boolean {
  return ['code', 'state', 'iss', 'id_token', 'access_token', 'response', 'error', 'error_description'].includes(name)
}

function posted(form: URLSearchParams | object): Received {
  const fragment = form instanceof URLSearchParams ? form.get(fragmentField) : Object(form)[fragmentField]
  if (typeof fragment === 'string') return { answer: `#${fragment}`, channel: 'fragment' }
  return { answer: form as AuthorizationAnswer, channel: 'form_post' }
}

/** The form, as a body parser has made it, or read here. */
async function formOf(request: WebRequest): Promise<URLSearchParams | object> {
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new ValidationError('response', 'a form was expected (application/x-www-form-urlencoded)')
  // express.json() of Express 4 leaves {} behind where it has read nothing
  if (!request.readableDidRead) return new URLSearchParams(await textOf(request))
  const { body } = request
  if (typeof body === 'string' || Buffer.isBuffer(body)) return new URLSearchParams(body.toString())
  if (typeof body === 'object' && body !== null) return body
  throw new ValidationError('response', 'its body was read before grantkit(), by what has left nothing in request.body')
}

async function textOf(request: WebRequest): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new ValidationError('response', 'the answer is too long to be one')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
