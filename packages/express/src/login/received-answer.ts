/** What a browser brings to the redirect URI: in the query, in a form, or in a fragment that our page has posted. */
import { type AuthorizationAnswer, ValidationError } from '@grantkit/core'
import { isAnswerParameter } from '@grantkit/core/kit'
import type { WebRequest } from '../middleware.js'
import { fragmentField } from './fragment-page.js'

/** An answer as core reads it, and how it came. */
export interface Received {
  readonly answer: AuthorizationAnswer
  readonly channel: 'query' | 'fragment' | 'form_post'
  /** Of an answer that shows it: a signed one does not. */
  readonly state: string | undefined
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
  const query = queryOf(request)
  const names = [...new URLSearchParams(query).keys()]
  return names.some(isAnswerParameter) ? inUrl('query', query) : undefined
}

/** What stands behind the first question mark of the address. */
export function queryOf({ originalUrl }: WebRequest): string {
  const start = originalUrl.indexOf('?')
  return start === -1 ? '' : originalUrl.slice(start + 1)
}

function inUrl(channel: 'query' | 'fragment', text: string): Received {
  const answer = `${channel === 'query' ? '?' : '#'}${text}`
  return { answer, channel, state: new URLSearchParams(text).get('state') ?? undefined }
}

function posted(form: URLSearchParams | object): Received {
  const members = form instanceof URLSearchParams ? Object.fromEntries(form) : (form as Record<string, unknown>)
  const { [fragmentField]: fragment, state } = members
  if (typeof fragment === 'string') return inUrl('fragment', fragment)
  return {
    answer: form as AuthorizationAnswer,
    channel: 'form_post',
    state: typeof state === 'string' ? state : undefined,
  }
}

/**
 * The form, as a body parser has made it, or read here.
 *
 * @throws ValidationError `response` where it is too long, or no form
 */
export async function formOf(request: WebRequest): Promise<URLSearchParams | object> {
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
  // what is left of it stays unread, and the connection open for the answer
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new ValidationError('response', 'the answer is too long to be one')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
