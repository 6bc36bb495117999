/** A scene: authorization servers, a store, and workers that share it, each in a process of its own. */
import { randomBytes } from 'node:crypto'
import type { Backend } from './backends.js'
import { type Child, startChild } from './child.js'
import type { ServersAddress, ServersCalls, ServersOptions } from './servers/main.js'
import type { User, WorkerCalls, WorkerOptions } from './worker/main.js'
import type { WorkerReport } from './worker/reports.js'

export interface SceneOptions extends ServersOptions {
  readonly backend: Backend
  readonly users: number
  readonly thresholds: WorkerOptions['thresholds']
  /** How long a token request may take, in milliseconds. */
  readonly timeoutMs: number
  /** Told of everything workers report. */
  readonly onReport: (report: WorkerReport, worker: string) => void
}

export interface Worker extends Child<WorkerCalls> {
  readonly name: string
}

export interface Scene extends AsyncDisposable {
  readonly servers: Child<ServersCalls>
  readonly address: ServersAddress
  readonly users: readonly User[]
  /** How long access tokens live, in milliseconds. */
  readonly accessTokenMs: number
  /** Starts a worker that has all the users' first refresh tokens, and waits until it is ready. */
  startWorker(changes?: WorkerChanges): Promise<Worker>
}

/** What may be different about a worker. */
type WorkerChanges = Partial<Pick<WorkerOptions, 'clockAheadMs' | 'users'>> & {
  /** Whether it is told of changes. Default `true`. */
  readonly watches?: boolean
  /** Whether it shares the store with the others. Default `true`. */
  readonly shares?: boolean
}

export async function startScene(options: SceneOptions): Promise<Scene> {
  const servers = startChild<ServersCalls>(new URL('./servers/main.js', import.meta.url))
  const { accessTokenSeconds, mostDelayMs } = options
  const address = await servers.call('start', { accessTokenSeconds, mostDelayMs })
  const subjects = Array.from({ length: options.users }, (_, index) => `user-${index + 1}`)
  const refreshTokens = await servers.call('logIn', subjects)
  const users = subjects.map((subject, index) => ({ subject, refreshToken: String(refreshTokens[index]) }))
  const sealingKey = randomBytes(32).toString('base64')
  const started: Worker[] = []

  return {
    servers,
    address,
    users,
    accessTokenMs: accessTokenSeconds * 1_000,
    async startWorker({ watches = true, shares = true, ...changes } = {}) {
      const name = `worker-${started.length + 1}`
      const program = new URL('./worker/main.js', import.meta.url)
      const child = startChild<WorkerCalls>(program, (report: WorkerReport) => options.onReport(report, name))
      const worker = { ...child, name }
      started.push(worker)
      await worker.call('start', {
        name,
        users,
        servers: address,
        store: shares ? { address: options.backend.address, sealingKey, watches } : undefined,
        callers: 2,
        longestPauseMs: Math.min(options.accessTokenSeconds * 750, 6_000),
        clockAheadMs: 0,
        thresholds: options.thresholds,
        timeoutMs: options.timeoutMs,
        ...changes,
      })
      return worker
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([servers, ...started].map(child => child.kill()))
    },
  }
}
