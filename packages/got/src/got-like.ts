/** The parts of got that are used, by shape: 14, 15 and 16, or several of them in one tree, work alike. */

/** got's `Options`, of one attempt or of one hop. */
export interface Options {
  readonly url?: URL | string | undefined
  readonly method: string
  readonly headers: Record<string, unknown>
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
  readonly isStream: boolean
  readonly throwHttpErrors: boolean
  readonly http2: boolean
  readonly h2session?: unknown
  readonly agent: { readonly http?: unknown; readonly https?: unknown; readonly http2?: unknown }
  cache?: unknown
  readonly enableUnixSockets?: boolean | undefined
  readonly retry: { limit: number; calculateDelay: unknown }
  readonly hooks: { afterResponse: unknown[] }
  request: RequestFunction | undefined
  /** The function `request` holds, or got's own for this URL. */
  getRequestFunction(): RequestFunction | undefined
}

/** What `http.request` takes. */
export interface NativeOptions {
  headers: Record<string, unknown>
  agent?: unknown
}

/** Sends an attempt or a hop; beneath got's cache it is called without the URL, which the options then hold. */
export type RequestFunction = (
  first: URL | NativeOptions,
  second: NativeOptions | Callback,
  callback?: Callback,
) => unknown

type Callback = (response: never) => void

/** An answer, as far as the decision needs it. */
export interface Answer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Decompressed; not there before the body was read. */
  readonly rawBody?: Uint8Array | undefined
}

export interface Response extends Answer {
  readonly request: { readonly options: Options }
}

/** got's `RequestError`, as far as hooks meet it. */
export interface RequestError {
  readonly options?: Options | undefined
  readonly response?: Answer | undefined
}
