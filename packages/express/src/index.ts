/** Express 4 and 5: the application's token source on every request, and answers to what goes wrong with it. */
export { applicationToken } from './application-token.js'
export type { ErrorMiddleware, Middleware, Next } from './middleware.js'
export { SessionError, type SessionErrorReason } from './session-error.js'
export { tokenErrors } from './token-errors.js'
