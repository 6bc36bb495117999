/** What the proxy answers itself, in place of the API. */
import { GrantKitError } from '@grantkit/core'
import { type GrantKitErrorOptions, transportError } from '@grantkit/core/kit'

/** Why the proxy answers itself. */
export type ProxyErrorCode =
  /** The path would lead out of the target, or be read in two ways. */
  | 'ERR_PROXY_PATH'
  /** A call that changes something did not come from a page of the app, as far as it shows. */
  | 'ERR_PROXY_CSRF'
  /** `TRACE`, whose answer would show the token. */
  | 'ERR_PROXY_METHOD'
  /** A WebSocket was asked for. */
  | 'ERR_PROXY_UPGRADE'
  /** A body parser has read the body: the proxy belongs before it. */
  | 'ERR_PROXY_BODY'
  /** No answer of the API, or one that is none. */
  | 'ERR_PROXY_UPSTREAM'
  /** No answer of the API in time. */
  | 'ERR_PROXY_TIMEOUT'

const statuses: Readonly<Record<ProxyErrorCode, number>> = {
  ERR_PROXY_PATH: 400,
  ERR_PROXY_CSRF: 403,
  ERR_PROXY_METHOD: 405,
  ERR_PROXY_UPGRADE: 501,
  ERR_PROXY_BODY: 500,
  ERR_PROXY_UPSTREAM: 502,
  ERR_PROXY_TIMEOUT: 504,
}

/** What the proxy answers itself. The message is for the app's own log: `code` says what a front end can know. */
export class ProxyError extends GrantKitError {
  /** Why. */
  declare readonly code: ProxyErrorCode
  /** What the browser is answered with: Express takes it from here. */
  readonly status: number

  constructor(code: ProxyErrorCode, message: string, options: GrantKitErrorOptions = {}) {
    super(code, message, options)
    this.status = statuses[code]
  }
}

/** What undici has thrown, without the bytes that may be in it. */
export function upstreamError(error: unknown, request: string, hasCertificate: boolean): ProxyError {
  const cause = transportError(error, { request, isSent: true, hasCertificate })
  const code = cause.code === 'ERR_TRANSPORT_TIMEOUT' ? 'ERR_PROXY_TIMEOUT' : 'ERR_PROXY_UPSTREAM'
  return new ProxyError(code, cause.message, { cause, retryable: cause.retryable })
}
