/** Token endpoints that answer 503 for a while, and then work again by themselves. */
import type { System } from '@grantkit/sandbox'

/** Runs something later; returns how to prevent it. */
export type Schedule = (run: () => void, ms: number) => () => void

/** By a timer that does not keep the process alive. */
export const byTimer: Schedule = (run, ms) => {
  const timer = setTimeout(run, ms).unref()
  return () => clearTimeout(timer)
}

export interface Outages {
  /** Begins one, or begins it again. */
  begin(system: System): void
  /** When the one under way ends, in epoch milliseconds of this machine. */
  endOf(system: System): number | undefined
  close(): void
}

interface Outage {
  readonly until: number
  readonly end: () => void
}

export const outageMs = 10_000

/** @param changed told when an outage begins or ends */
export function createOutages(schedule: Schedule, changed: (system: System, isOver: boolean) => void): Outages {
  const outages = new Map<System, Outage>()
  return {
    begin(system) {
      outages.get(system)?.end()
      const until = Date.now() + outageMs
      const repair = system.fail(unavailable(until), { times: Number.POSITIVE_INFINITY })
      const cancel = schedule(() => {
        outages.get(system)?.end()
        changed(system, true)
      }, outageMs)
      const end = () => {
        cancel()
        repair()
        outages.delete(system)
      }
      outages.set(system, { until, end })
      changed(system, false)
    },
    endOf: system => outages.get(system)?.until,
    close() {
      for (const { end } of outages.values()) end()
    },
  }
}

/** Asks for as much time as is left, each time it answers. */
function unavailable(until: number) {
  return {
    kind: 'status',
    status: 503,
    get headers() {
      return { 'retry-after': String(Math.max(0, Math.ceil((until - Date.now()) / 1000))) }
    },
  } as const
}
