/** What a worker tells while it runs. Instants are epoch milliseconds by the machine's clock, with fractions. */

/** An answer of the server is about to be kept, or is. */
export interface SavedReport {
  readonly type: 'saving' | 'saved'
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly at: number
}

/** A caller had to wait, and got this. */
export interface WaitedReport {
  readonly type: 'waited'
  readonly accessToken: string
  readonly askedAt: number
  readonly gotAt: number
}

/** A call failed. */
export interface FailedReport {
  readonly type: 'failed'
  /** `undefined`: the application's own token. */
  readonly subject: string | undefined
  readonly code: string
  readonly message: string
  readonly askedAt: number
  readonly at: number
}

/** A caller was given a token that was not good at that instant, or an API refused one and its replacement. */
export interface BadTokenReport {
  readonly type: 'bad_token'
  readonly subject: string | undefined
  readonly verdict: string
  readonly at: number
}

/** The event `login_required` was told. */
export interface LoginRequiredReport {
  readonly type: 'login_required'
  readonly subject: string
  readonly reason: string
  readonly at: number
}

/** A record that the store had lost was written again. */
export interface RestoredReport {
  readonly type: 'restored'
  readonly at: number
}

/** The store refused a write, since too few replicas had it. */
export interface RefusedReport {
  readonly type: 'refused'
  readonly at: number
}

/** An application token is asked for; how long it lives counts from here. */
export interface AskedReport {
  readonly type: 'asked'
  readonly at: number
}

export type WorkerReport =
  | AskedReport
  | SavedReport
  | WaitedReport
  | FailedReport
  | BadTokenReport
  | LoginRequiredReport
  | RestoredReport
  | RefusedReport

/** The machine's clock, finer than `Date.now()`. */
export function instant(): number {
  return performance.timeOrigin + performance.now()
}
