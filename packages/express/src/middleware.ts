/** Express's middleware by its shape, so that the types of Express 4 and of Express 5 both fit. */

/** Hands the request on, or an error to the error handlers. */
export type Next = (error?: unknown) => void

/** Middleware as `app.use()` of Express 4 and of Express 5 takes it. */
export type Middleware = (request: object, response: object, next: Next) => void

/** Told from other middleware by its four parameters. */
export type ErrorMiddleware = (error: unknown, request: object, response: object, next: Next) => void
