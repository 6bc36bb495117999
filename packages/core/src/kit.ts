/** For authors of providers, stores and integrations, by name, in the order of the modules: what users do not need. */
export {
  checkBoolean,
  checkFunction,
  checkNumber,
  checkMembers,
  checkOptions,
  checkSecureUrl,
  checkText,
  checkWholeNumber,
  isLoopback,
  optionError,
  parseUrl,
  refusePromise,
} from './options.js'
export type {
  AuthorizationRefusedErrorOptions,
  AuthorizationServerErrorOptions,
  GrantKitErrorOptions,
  LoginRequiredErrorOptions,
  TokenStoreErrorOptions,
  TransportErrorOptions,
} from './errors.js'
export { systemClock } from './clock.js'
export { fingerprint } from './secret.js'
export { detachable } from './signal.js'
export type { ReadHeaders } from './request-headers.js'
export { checkTls } from './certificate.js'
export { httpsAgent, secureContext } from './tls.js'
export { type Ended, transportError } from './transport-error.js'
export { directAgent, type Undici } from './agents.js'
export { loadUndici } from './transport.js'
export { checkSource, refuseSource } from './token-source.js'
export { checkIsClient } from './endpoints/check-client.js'
export { isAnswerParameter } from './front-channel/authorization-answer.js'
export { requestForAcr } from './front-channel/claims-request.js'
export { checkAuthorizationRequest } from './front-channel/authorization-request.js'
export { createSeal, type Seal, type SealedHeader, sealingKeyIdOf } from './sealing.js'
export type { ChangeListener, RecordToKeep, StoredRecord } from './store/token-store.js'
export { type ChangeListeners, changeListeners } from './store/change-listeners.js'
export type { BoundedStore } from './store/bounded-store.js'
export { boundedStoreOf } from './lifecycle/holdings.js'
export { isRepeatableBody } from './request-body.js'
export {
  type Beginning,
  beginningOf,
  type Chunks,
  discard,
  isNodeStream,
  isWebStream,
  type Peeked,
  peek,
} from './beginning.js'
export {
  defaultMaxRedirects,
  type NextHop,
  nextHop,
  type RedirectAnswer,
  type RedirectedRequest,
  type RedirectProblem,
} from './redirect.js'
export { leadsToSocket, type Origins, originOf, parseOrigins, socketError } from './origins.js'
export { type Attached, type AttachRequest, type AttachResponse, attach, type Hop } from './attach.js'
export { concealAgent, concealRequest, hide } from './conceal.js'
export { cacheFor, uncachedAnswer, uncachedRequest, wholeCache } from './private-answers.js'
export {
  type Asking,
  type Attaching,
  type Attachment,
  type AttachmentOptions,
  Attachments,
  readAttachment,
  readAttachments,
  type SourceAttachment,
  type SourceOf,
  type Target,
} from './attachments.js'
export {
  type Answer,
  type Attempt,
  type OurHeaders,
  type Refused,
  type Sending,
  Trip,
  attachmentFor,
  hasHeader,
} from './trip.js'
export type { HeadersFor } from './sources/headers-for.js'
export { type StaticSourceOptions, type StaticTokenSource, staticTokenSource } from './sources/static-source.js'
