/** The shapes an answer may come in: JSON, a JWT, nothing at all. What an endpoint takes is a list of them. */
import type { Parameters } from './provider.js'

/** What an answer that is no refusal holds. */
export interface Content {
  readonly text: string
  /** Parsed JSON by the RFC's names, or a form where the provider answers with one; `undefined` for what is neither. */
  readonly body: unknown
  /** The same as it came, before it was mapped. */
  readonly original: unknown
}

/** One shape, and what is made of an answer that has it. */
export interface AnswerShape<T> {
  /** As the request asks for it in `Accept`. */
  readonly mediaType: string
  /** As a message names it where an answer has another. */
  readonly name: string
  readonly fits: (content: Content) => boolean
  /** @param sent what the request carried beside the client's credentials */
  readonly read: (content: Content, sent: Parameters) => Promise<T>
}

/** JSON, or a form where the provider answers with one. */
export function json<T>(read: AnswerShape<T>['read']): AnswerShape<T> {
  const fits = ({ original }: Content) => original !== undefined
  return { mediaType: 'application/json', name: 'a JSON object', fits, read }
}

/**
 * A JWT, signed or encrypted as well: a text of three or five parts (RFC 7515 §3.1, RFC 7516 §3.1).
 *
 * @param mediaType such as `application/jwt`, or `application/token-introspection+jwt` (RFC 9701 §4)
 */
export function jwt<T>(mediaType: string, read: (jwt: string, sent: Parameters) => Promise<T>): AnswerShape<T> {
  const fits = ({ text }: Content) => /^[\w-]+(?:\.[\w-]*){2}(?:(?:\.[\w-]*){2})?$/.test(text.trim())
  return { mediaType, name: 'a JWT', fits, read: ({ text }, sent) => read(text.trim(), sent) }
}

/** No more than the status of success; a body is not looked at (RFC 7009 §2.2). Last in a list, since everything fits. */
export function nothing(): AnswerShape<void> {
  return { mediaType: 'application/json', name: 'an answer', fits: () => true, read: async () => {} }
}
