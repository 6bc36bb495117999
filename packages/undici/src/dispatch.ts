/** undici's `dispatch`, by shape: two versions or copies of undici in one tree type-check and work alike. */

/** What is asked of `dispatch`, as far as it is looked at. */
export interface DispatchOptions {
  readonly origin?: string | URL | undefined
  readonly path: string
  readonly method: string
  readonly headers?: object | null | undefined
  readonly body?: unknown
  readonly upgrade?: unknown
  readonly maxRedirections?: number | undefined
}

/** undici's `dispatch`. */
export type Dispatch = (options: DispatchOptions, handler: object) => boolean

/** What `compose()` takes, of any undici. */
export type Interceptor = (dispatch: (options: never, handler: never) => boolean) => Dispatch
