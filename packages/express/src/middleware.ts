/** Express's middleware by its shape, so that the types of Express 4 and of Express 5 both fit. */
import { IncomingMessage, type ServerResponse } from 'node:http'
import { optionError } from '@grantkit/core/kit'

/** Hands the request on, or an error to the error handlers. */
export type Next = (error?: unknown) => void

/**
 * Hands on what was thrown as an error, whatever it is. To Express `undefined`, `'route'` and the like are none: the request
 * would go on, past the guard that has failed.
 */
export function failWith(next: Next): (thrown: unknown) => void {
  return thrown => next(isObject(thrown) ? thrown : new Error('no error was thrown, but this', { cause: thrown }))
}

/** Of another realm as well: in Jest those of Node are, which `instanceof` takes for none. */
export function isObject(value: unknown): value is object {
  return Object(value) === value
}

/** Middleware as `app.use()` of Express 4 and of Express 5 takes it. */
export type Middleware = (request: object, response: object, next: Next) => void

/** Told from other middleware by its four parameters. */
export type ErrorMiddleware = (error: unknown, request: object, response: object, next: Next) => void

/** What is used of a request: Node's, and what Express of each version adds. */
export interface WebRequest extends IncomingMessage {
  /** Path and query as they came, wherever the middleware is mounted. */
  readonly originalUrl: string
  /** What a body parser has made of the body, where there is one. */
  readonly body?: unknown
  /** The query, parsed. */
  readonly query: Readonly<Record<string, unknown>>
}

/** What is used of a response: Node's alone. */
export type WebResponse = ServerResponse

/** Tells `app.use(requireLogin)` from `app.use(requireLogin())`: Express then calls with the request what makes the middleware. */
export function refuseRequest(maker: string, given: unknown): void {
  if (given instanceof IncomingMessage)
    throw optionError(`${maker}()`, `makes the middleware: mount what it returns, app.use(${maker}(…))`)
}
