/** A process like any of a service: users' tokens and the application's own, asked for by several callers at once. */
import {
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  type GrantKitEvent,
} from '@grantkit/core'
import { answerParent, report } from '../child.js'
import type { ServersAddress } from '../servers/main.js'
import { apiManagerClient, authorizationServerClient } from './clients.js'
import { Answers } from './instruments.js'
import { Load } from './load.js'
import { instant, type LoginRequiredReport } from './reports.js'
import { openStore, type StoreOptions } from './store.js'

export interface WorkerOptions {
  readonly name: string
  readonly servers: ServersAddress
  readonly store: StoreOptions
  readonly users: readonly User[]
  /** How many callers ask for one user's token at the same time. */
  readonly callers: number
  /** How far this worker's clock is ahead. */
  readonly clockAheadMs: number
  readonly thresholds: { readonly refreshBeforeMs: number; readonly expiryMarginMs: number }
  /** How long a token request may take, which decides how long a lease outlasts a process. */
  readonly timeoutMs: number
}

export interface User {
  readonly subject: string
  /** What the login gave; it may have been rotated since. */
  readonly refreshToken: string
}

let load: Load

/** What this process can be asked. */
const offered = {
  /** Opens everything, and takes the users' tokens over. */
  async start(options: WorkerOptions): Promise<void> {
    const { servers, users, thresholds, name } = options
    const answers = new Answers()
    const clock = { now: () => Date.now() + options.clockAheadMs }
    const made = { clock, transport: { timeoutMs: options.timeoutMs }, onEvent: tellOfLogin }
    const store = answers.keptBy(await openStore(options.store))
    const client = answers.of(createClient({ ...authorizationServerClient(servers), ...made }), name)
    const userTokens = createUserTokenSources({ client, store, ...thresholds })
    const application = createClient({ ...apiManagerClient(servers), ...made })
    const grant = clientCredentials({ scope: 'accounts' })
    const applicationTokens = createTokenSource({ client: application, grant, store, ...thresholds })
    await Promise.all(users.map(({ subject, refreshToken }) => userTokens.for(subject).import({ refreshToken })))
    load = new Load({ ...options, clock, userTokens, applicationTokens })
  },
  /** Begins to ask for tokens, again and again. */
  async run(): Promise<void> {
    load.begin()
  },
  /** Ends that. Answers with how many calls there were, when all of them have ended. */
  stop(): Promise<number> {
    return load.end()
  },
}

export type WorkerCalls = typeof offered

function tellOfLogin(event: GrantKitEvent): void {
  if (event.type !== 'login_required') return
  const { type, subject, reason } = event
  report({ type, subject, reason, at: instant() } satisfies LoginRequiredReport)
}

answerParent(offered)
