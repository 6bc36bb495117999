/** Collects what workers report, and says what follows from it. */
import type {
  BadTokenReport,
  FailedReport,
  LoginRequiredReport,
  SavedReport,
  WaitedReport,
  WorkerReport,
} from './worker/reports.js'

type From<Report> = Report & { readonly worker: string }

export class Evidence {
  readonly failed: From<FailedReport>[] = []
  readonly badTokens: From<BadTokenReport>[] = []
  readonly logins: From<LoginRequiredReport>[] = []
  readonly #askedAt: number[] = []
  readonly #waited: From<WaitedReport>[] = []
  readonly #saved = new Map<string, From<SavedReport>>()
  readonly #savedRefreshTokens = new Set<string>()

  readonly take = (report: WorkerReport, worker: string): void => {
    if (report.type === 'asked') this.#askedAt.push(report.at)
    if (report.type === 'failed') this.failed.push({ ...report, worker })
    if (report.type === 'bad_token') this.badTokens.push({ ...report, worker })
    if (report.type === 'login_required') this.logins.push({ ...report, worker })
    if (report.type === 'waited') this.#waited.push({ ...report, worker })
    if (report.type === 'saved') {
      this.#saved.set(report.accessToken, { ...report, worker })
      if (report.refreshToken !== undefined) this.#savedRefreshTokens.add(report.refreshToken)
    }
  }

  /** Requests for an application token that came sooner after the one before than this, in milliseconds. */
  askedWithin(ms: number): number {
    const inOrder = this.#askedAt.toSorted((a, b) => a - b)
    return inOrder.filter((at, index) => at - (inOrder[index - 1] ?? Number.NEGATIVE_INFINITY) < ms).length
  }

  /** Whether a worker said that this refresh token is in the store. */
  wasSaved(refreshToken: string): boolean {
    return this.#savedRefreshTokens.has(refreshToken)
  }

  /** Users who were told to log in. */
  usersToLogIn(): Set<string> {
    const isLogin = ({ code, subject }: FailedReport) => code === 'ERR_LOGIN_REQUIRED' && subject !== undefined
    return new Set(this.failed.filter(isLogin).map(({ subject }) => String(subject)))
  }

  /**
   * How much later than it was in the store a token was had by callers in other processes who were waiting for it, in
   * milliseconds, in order. Less than nothing: they had it before whoever wrote it knew.
   */
  extraLatencies(): number[] {
    const latencies = this.#waited.flatMap(({ accessToken, askedAt, gotAt, worker }) => {
      const saved = this.#saved.get(accessToken)
      return saved === undefined || saved.worker === worker || askedAt > saved.at ? [] : [gotAt - saved.at]
    })
    return latencies.sort((a, b) => a - b)
  }

  /** The longest wait of all, in milliseconds. */
  longestWait(): number {
    return this.#waited.reduce((longest, { askedAt, gotAt }) => Math.max(longest, gotAt - askedAt), 0)
  }
}

/** The value below which this share of them lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN
}

/** How often there is which, as text: `2 × ERR_TOKEN_STORE`. */
export function tally(values: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].map(([value, count]) => `${count} × ${value}`).join(', ')
}
