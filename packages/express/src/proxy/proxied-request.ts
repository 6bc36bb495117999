/** What the proxy uses of a request and a response, by shape, so that the types of Express 4 and of Express 5 both fit. */
import type { WebRequest, WebResponse } from '../middleware.js'

/** A request that is handed on. */
export interface ProxiedRequest extends WebRequest {
  readonly url: string
  readonly method: string
  /** The path where the proxy is mounted. */
  readonly baseUrl: string
  readonly protocol: string
  /** Addresses that trusted proxies name, the browser's first. */
  readonly ips?: readonly string[] | undefined
  readonly app?: { get(setting: string): unknown } | undefined
  /** The bytes of a body, where a body parser keeps them. */
  readonly rawBody?: unknown
}

/** The response to it. */
export interface ProxiedResponse extends WebResponse {
  /** Sends what `compression` has gathered. */
  flush?(): void
}
