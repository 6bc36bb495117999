/** Somebody else's words about a request of ours, as they may be shown: nothing of what was sent but what names things. */
import type { Authenticated } from './client-auth/client-auth.js'
import { redact } from './redaction/redact.js'

/** An answer's words, of at most so many characters. */
export function theirWords(text: string, length: number, { parameters, headers, secrets = [] }: Authenticated): string {
  const sent = Object.entries(parameters).map(([name, value]) => ({ name, values: [value ?? []].flat() }))
  const open = sent.filter(({ name }) => openParameters.has(name)).flatMap(({ values }) => values)
  const hidden = sent.filter(({ name }) => !openParameters.has(name)).flatMap(({ values }) => values)
  const basic = headers.authorization?.replace(/^Basic /, '') ?? []
  return redact(text, length, { secrets: [...hidden, ...secrets, basic].flat(), open })
}

/** Parameters that name things. */
const openParameters = new Set([
  'grant_type',
  'client_id',
  'scope',
  'resource',
  'audience',
  'redirect_uri',
  'response_type',
  'response_mode',
  'code_challenge_method',
  'prompt',
  'max_age',
  'acr_values',
  'ui_locales',
  'client_assertion_type',
  'requested_token_type',
  'subject_token_type',
  'actor_token_type',
])

/** Name, code and message of an error that is not ours: those of HTTP clients hold the request. */
export function theirError(error: unknown, sent: Authenticated): Error {
  const { name = 'Error', code, message = error } = Object(error)
  const [cleanName, cleanCode, cleanMessage] = [name, code ?? '', message].map(text =>
    theirWords(String(text), 300, sent),
  )
  return Object.assign(new Error(cleanMessage), { name: cleanName, ...(cleanCode && { code: cleanCode }) })
}
