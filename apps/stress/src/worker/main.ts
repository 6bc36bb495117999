/** A process like any of a service: users' tokens and the application's own, asked for by several callers at once. */
import { setTimeout as wait } from 'node:timers/promises'
import {
  type Client,
  clientCredentials,
  createClient,
  createTokenSource,
  createUserTokenSources,
  type GrantKitEvent,
  isGrantKitError,
  type TokenStore,
  type UserTokenSource,
} from '@grantkit/core'
import { answerParent, report } from '../child.js'
import type { ServersAddress } from '../servers/main.js'
import { verdictOn } from './alive.js'
import { apiManagerClient, authorizationServerClient } from './clients.js'
import { Answers } from './instruments.js'
import { Load } from './load.js'
import { ownTokens } from './own-tokens.js'
import { type AskedReport, instant, type LoginRequiredReport } from './reports.js'
import { type Crash, StepCounter, Steps } from './steps.js'
import { openStore, type StoreOptions } from './store.js'

export interface WorkerOptions {
  readonly name: string
  readonly servers: ServersAddress
  /** `undefined`: each process has its own tokens, as if it were alone. */
  readonly store: StoreOptions | undefined
  readonly users: readonly User[]
  /** How many callers ask for one user's token at the same time. */
  readonly callers: number
  /** A caller comes back within this time, unless it comes back when the token is due. */
  readonly longestPauseMs: number
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

/** What came of asking for a token once. */
export interface Obtained {
  /** What the server says of the token, or the error's code. */
  readonly outcome: string
  /** What was asked of store and server, in order. */
  readonly steps: readonly string[]
}

/** A user's tokens, as far as callers need them. */
export type Callable = Pick<UserTokenSource, 'getTokenSet'>

const answers = new Answers()
const counter = new StepCounter()
let load: Load
let issuer: string
let tokensOf: (subject: string) => Callable

/** What this process can be asked. */
const offered = {
  /** Opens everything, and takes the users' tokens over. */
  async start(options: WorkerOptions): Promise<void> {
    const { servers, users, thresholds } = options
    const clock = { now: () => Date.now() + options.clockAheadMs }
    const made = { clock, transport: { timeoutMs: options.timeoutMs }, onEvent: tell }
    const store = options.store && counter.storeOf(answers.keptBy(await openStore(options.store)))
    const client = counter.clientOf(
      answers.of(createClient({ ...authorizationServerClient(servers), ...made }), options.name),
    )
    const application = createClient({ ...apiManagerClient(servers), ...made })
    const grant = clientCredentials({ scope: 'accounts' })
    const applicationTokens = createTokenSource({ client: application, grant, store, ...thresholds })
    issuer = servers.authorizationServer.issuer
    tokensOf = store === undefined ? ownTokens(client, users, thresholds) : await sharedTokens(client, store, options)
    load = new Load({ ...options, clock, tokensOf, applicationTokens })
  },
  /** Begins to ask for tokens, again and again. */
  async run(): Promise<void> {
    load.begin()
  },
  /** Ends that. Answers with how many calls there were, when all of them have ended. */
  stop(): Promise<number> {
    return load.end()
  },
  /** Asks for a user's token once, for a new one if `force`, and may die of it. */
  async obtain({ subject, force, crash }: { subject: string; force?: boolean; crash?: Crash }): Promise<Obtained> {
    const steps = new Steps(crash)
    counter.steps = steps
    try {
      const tokenSet = await tokensOf(subject).getTokenSet({ force })
      return { outcome: String(await verdictOn(issuer, tokenSet)), steps: steps.taken }
    } catch (error) {
      return { outcome: String((error as { code?: string }).code), steps: steps.taken }
    }
  },
}

export type WorkerCalls = typeof offered

async function sharedTokens(client: Client, store: TokenStore, { users, thresholds }: WorkerOptions) {
  const tokens = createUserTokenSources({ client, store, ...thresholds })
  await Promise.all(users.map(user => take(user, tokens.for(user.subject))))
  return tokens.for
}

/** Takes a user's token over, as soon as the store lets it. */
async function take(user: User, tokens: UserTokenSource): Promise<void> {
  for (;;) {
    try {
      return await tokens.import({ refreshToken: user.refreshToken })
    } catch (error) {
      if (!isGrantKitError(error) || !error.retryable) throw error
      await wait(100)
    }
  }
}

function tell(event: GrantKitEvent): void {
  if (event.type === 'token_requested' && event.grantType === 'client_credentials')
    report({ type: 'asked', at: instant() } satisfies AskedReport)
  if (event.type !== 'login_required') return
  const { type, subject, reason } = event
  report({ type, subject, reason, at: instant() } satisfies LoginRequiredReport)
}

answerParent(offered)
