/** Collects what workers report around an outage of their store, and says how they came through it. */
import type { FailedReport, RestoredReport, SavedReport, WaitedReport, WorkerReport } from './worker/reports.js'

type From<Report> = Report & { readonly worker: string }

export class Outage {
  /** When the store was gone, and when it was there again, in epoch milliseconds. */
  goneAt = Number.POSITIVE_INFINITY
  backAt = Number.POSITIVE_INFINITY
  /** Calls for a user's token, and the application's own, that failed. */
  readonly failedOfUsers: From<FailedReport>[] = []
  readonly failedOfApplication: From<FailedReport>[] = []
  /** Records that the store had lost, and that a process which knew them wrote again. */
  readonly restored: From<RestoredReport>[] = []
  /** How many writes the store refused, since too few replicas had them. */
  refused = 0
  readonly #waited: From<WaitedReport>[] = []
  #renewed = () => {}
  readonly #saved = new Map<string, From<SavedReport>>()

  readonly take = (report: WorkerReport, worker: string): void => {
    if (report.type === 'failed')
      (report.subject === undefined ? this.failedOfApplication : this.failedOfUsers).push({ ...report, worker })
    if (report.type === 'restored') this.restored.push({ ...report, worker })
    if (report.type === 'refused') this.refused++
    if (report.type === 'waited') this.#waited.push({ ...report, worker })
    if (report.type === 'saved') {
      this.#saved.set(report.accessToken, { ...report, worker })
      this.#renewed()
    }
  }

  /** Waits until a token is renewed. */
  nextRenewal(): Promise<void> {
    return new Promise(resolve => {
      this.#renewed = resolve
    })
  }

  isDuring(at: number): boolean {
    return this.goneAt <= at && at < this.backAt
  }

  /** How long after the store was back the last of these workers had a user's token that was kept since, in milliseconds. */
  recoveryMs(workers: readonly { readonly name: string }[]): number {
    const firstOf = ({ name }: { readonly name: string }) => {
      const isFirst = ({ worker, accessToken }: From<WaitedReport>) =>
        worker === name && (this.#saved.get(accessToken)?.at ?? 0) >= this.backAt
      return this.#waited.find(isFirst)?.gotAt ?? Number.POSITIVE_INFINITY
    }
    return Math.max(...workers.map(firstOf)) - this.backAt
  }

  /** Of those who asked while the store was away for a token that had been there before, how long one waited at most. */
  longestWaitForGoodTokenMs(): number {
    const waits = this.#waited
      .filter(({ askedAt }) => this.isDuring(askedAt))
      .filter(({ accessToken, askedAt }) => (this.#saved.get(accessToken)?.at ?? askedAt) < askedAt)
    return longest(waits.map(({ askedAt, gotAt }) => gotAt - askedAt))
  }

  /** How long a call for a user's token took at most until it failed. */
  longestFailureMs(): number {
    return longest(this.failedOfUsers.map(({ askedAt, at }) => at - askedAt))
  }
}

function longest(durations: readonly number[]): number {
  return durations.reduce((longest, duration) => Math.max(longest, duration), 0)
}
