/** Attaches a token source to undici, and to any fetch. */
export type { SourceAttachment as TokenAttachment, SourceOf } from '@grantkit/core/kit'
export type { Dispatch, DispatchOptions, Interceptor } from './dispatch.js'
export { type FetchLike, type FetchRequest, fetchWithTokens } from './fetch.js'
export { type DispatchSource, type TokenOptions, tokenInterceptor } from './interceptor.js'
export { type Composable, type InterceptorsAround, withTokens } from './with-tokens.js'
