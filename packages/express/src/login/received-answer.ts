/** What a browser brings to the redirect URI: in the query, in a form, or in a fragment that our page has posted. */
import type { AuthorizationAnswer } from '@grantkit/core'
import { isAnswerParameter } from '@grantkit/core/kit'
import type { WebRequest } from '../middleware.js'
import { formOf, queryOf, queryTextOf } from '../request-parameters.js'
import { fragmentField } from './fragment-page.js'

/** An answer as core reads it, and how it came. */
export interface Received {
  readonly answer: AuthorizationAnswer
  readonly channel: 'query' | 'fragment' | 'form_post'
  /** Of an answer that shows it: a signed one does not. */
  readonly state: string | undefined
}

/**
 * Reads it; `undefined` where nothing came, since it stands in the fragment then.
 *
 * @throws ValidationError `response` where a body is too long, or no form
 */
export async function receivedAnswer(request: WebRequest): Promise<Received | undefined> {
  if (request.method === 'POST') return posted(await formOf(request))
  const names = [...queryOf(request).keys()]
  return names.some(isAnswerParameter) ? inUrl('query', queryTextOf(request)) : undefined
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
