/** undici's `dispatch`, by shape: two versions or copies of undici in one tree type-check and work alike. */

/** What is asked of `dispatch`, as far as it is looked at. */
export interface DispatchOptions {
  /** Scheme, host and port of the request. */
  readonly origin?: string | URL | undefined
  /** Path and query. */
  readonly path: string
  /** In capitals. */
  readonly method: string
  /** Of any shape undici takes: an object, a list, an iterator. */
  readonly headers?: object | null | undefined
  /** Of any kind undici takes. */
  readonly body?: unknown
  /** Set where the connection is to become another; such a request is left alone. */
  readonly upgrade?: unknown
  /** How many redirects undici 6 follows by itself. With a token there are none: the redirect interceptor follows them. */
  readonly maxRedirections?: number | undefined
}

/** undici's `dispatch`. */
export type Dispatch = (options: DispatchOptions, handler: object) => boolean

/** What `compose()` takes, of any undici. */
export type Interceptor = (dispatch: (options: never, handler: never) => boolean) => Dispatch
