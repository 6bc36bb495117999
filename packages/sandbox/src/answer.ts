/** What a handler says; the server turns it into an HTTP response. */
import type { Readable } from 'node:stream'

/** A status, headers and a body. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Readable
}

/** A JSON answer; `body` may be JSON text already, where numbers do not fit a JavaScript number. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  const text = body instanceof RawJson ? body.text : JSON.stringify(body)
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: text }
}

/** A plain text answer. */
export function text(status: number, body: string, contentType = 'text/plain; charset=utf-8'): Answer {
  return { status, headers: { 'content-type': contentType }, body }
}

/** JSON text to be sent as it is. */
export class RawJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** An object whose members keep their order; a `RawJson` member is copied as it is. */
  static object(members: Readonly<Record<string, unknown>>): RawJson {
    const encoded = Object.entries(members)
      .filter(([, value]) => value !== undefined)
      .map(
        ([name, value]) => `${JSON.stringify(name)}:${value instanceof RawJson ? value.text : JSON.stringify(value)}`,
      )
    return new RawJson(`{${encoded.join(',')}}`)
  }
}

/** Thrown by a check to answer at once. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly answer: Answer

  constructor(answer: Answer) {
    super(`refused with ${answer.status}`)
    this.answer = answer
  }
}
