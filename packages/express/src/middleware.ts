/** Express's middleware by its shape, so that the types of Express 4 and of Express 5 both fit. */

type Next = (error?: unknown) => void

export type Middleware = (request: object, response: object, next: Next) => void

/** Told from other middleware by its four parameters. */
export type ErrorMiddleware = (error: unknown, request: object, response: object, next: Next) => void
