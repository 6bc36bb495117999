/** Attaches a token source to undici, and to any fetch. */
export type { SourceOf, TokenAttachment, TokenOptions } from './attachment.js'
export { type FetchRequest, fetchWithTokens } from './fetch.js'
export type { Dispatch, DispatchOptions } from './handlers.js'
export { type DispatchSource, type Interceptor, tokenInterceptor } from './interceptor.js'
export { type InterceptorsAround, withTokens } from './with-tokens.js'
