/** Express 4 and 5: logins, sessions, tokens on every request, and answers to what goes wrong with them. */
export { applicationToken } from './application-token.js'
export { type GrantKitMiddleware, grantkit } from './grantkit.js'
export type { ErrorMiddleware, Middleware, Next, WebRequest, WebResponse } from './middleware.js'
export type { AuthorizationOptions, FinishedLogin, GrantKitOptions, LoginRequest } from './options.js'
export type { PathOptions } from './paths.js'
export type { LoginOptions, LogoutOptions, RequestGrantKit, User, UserClaims } from './request.js'
export { SessionError, type SessionErrorReason } from './session-error.js'
export { tokenErrors } from './token-errors.js'
