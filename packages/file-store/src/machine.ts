/** This machine since it was started: its clocks, and which of its processes are still there. */
import { readFileSync, readlinkSync } from 'node:fs'

/** Passed in, so that a test can set the clocks. */
export interface Machine {
  /** Names the time from one start of the system to the next; empty where the system has no name for it. */
  readonly boot: string
  /** Milliseconds since the system was started: the same for all processes, and not set by anybody. */
  sinceBootMs(): number
  /** Milliseconds since the epoch, by the wall clock. */
  epochMs(): number
  /** Names this process: letters, digits and `-`. */
  readonly process: string
  /** Whether the process of this name has ended. `false` when that cannot be known. */
  isGone(process: string): boolean
}

/**
 * The machine as it is. `process.hrtime` is `CLOCK_MONOTONIC` on Linux, `mach_continuous_time` on macOS and the
 * performance counter on Windows: all count from the start of the system, in every process alike.
 */
export function thisMachine(): Machine {
  const namespace = processNamespace()
  return {
    boot: readOr('', () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    sinceBootMs: () => Math.floor(Number(process.hrtime.bigint()) / 1e6),
    epochMs: () => Date.now(),
    process: [process.pid, statusOf(process.pid)?.startedAt ?? unknown, namespace].join('-'),
    isGone: name => hasEnded(name, namespace),
  }
}

const unknown = 'unknown'

/** Process ids of another container say nothing here, even if its files can be seen. */
function processNamespace(): string {
  return readOr(unknown, () => readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''))
}

/**
 * A process id is used again, and only Linux tells at no cost when a process began. Elsewhere the successor of a dead
 * process is taken for it: the lease is not free at once, but when it runs out.
 */
function hasEnded(name: string, namespace: string): boolean {
  const [pid, startedAt, itsNamespace] = name.split('-')
  if (itsNamespace !== namespace || (namespace === unknown && process.platform === 'linux')) return false
  if (!isThere(Number(pid))) return true
  const status = statusOf(Number(pid))
  if (status === undefined || startedAt === unknown) return false
  return status.startedAt !== startedAt || status.hasEnded
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

interface ProcessStatus {
  /** Clock ticks since the system was started. */
  readonly startedAt: string
  /** It has ended, and its parent has not asked for the outcome yet. */
  readonly hasEnded: boolean
}

/** @see proc_pid_stat(5): field 3 is the state, field 22 the start; the name before them may hold anything. */
function statusOf(pid: number): ProcessStatus | undefined {
  const line = readOr('', () => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const [state, ...others] = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const startedAt = others[18]
  if (state === undefined || startedAt === undefined) return undefined
  return { startedAt, hasEnded: state === 'Z' || state === 'X' }
}

function readOr(otherwise: string, read: () => string): string {
  try {
    return read()
  } catch {
    return otherwise
  }
}
