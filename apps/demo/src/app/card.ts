/** One row of the tour, kept running: its state, and what can be done to it. */
import { type GrantKitError, type GrantKitEvent, isGrantKitError } from '@grantkit/core'
import type { Sandbox, System } from '@grantkit/sandbox'
import { httpClients } from '../http-clients/index.js'
import type { Prepared, Row } from '../row.js'
import { afterEvent, afterLoss, type CardState, initialState, stateMovedBy } from './card-state.js'
import { toldOf } from './event-line.js'
import type { NewLine } from './log.js'
import { toneOf } from './server-record.js'
import { reachMs, withCall, withEnd } from './timeline.js'

/** What a hundred calls came to. */
interface BurstResult {
  /** How many calls ended how: by status, or by an error's code. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly tokenRequests: number
  readonly durationMs: number
}

interface CardFacts {
  readonly clients: readonly string[]
  readonly lifetimeMs: number
  /** How far back the timeline reaches. */
  readonly reachMs: number
}

export interface Card {
  readonly row: Row
  readonly prepared: Prepared
  readonly tokenServer: System
  readonly clients: readonly string[]
  /** What the page shows of it. */
  state(): CardState & Pick<Row, 'row' | 'system' | 'grant' | 'authentication'> & CardFacts
  /** @throws what the HTTP client throws when there is no token */
  call(client: string): Promise<{ readonly status: number; readonly durationMs: number }>
  /** Calls through all HTTP clients in turn, all at once. */
  burst(): Promise<BurstResult>
  /** The server ends the token that is held; false when none is. */
  expire(): Promise<boolean>
  close(): Promise<void>
}

/** What a card is made with. */
export interface CardContext {
  readonly sandbox: Sandbox
  readonly tell: (line: NewLine) => void
  readonly lifetimeMs: number
  readonly changed: () => void
}

const burstSize = 100

/** Prepares a row, attaches every HTTP client to its token source, and listens to what happens. */
export async function createCard(row: Row, { sandbox, tell, lifetimeMs, changed }: CardContext): Promise<Card> {
  const place = `${row.row} ${row.system}`
  let state = initialState
  const onEvent = (event: GrantKitEvent) => {
    const line = toldOf(event, state.expiresAt)
    if (line !== undefined) tell({ from: 'grantkit', place, ...line })
    state = afterEvent(state, event)
    changed()
  }
  const prepared = await row.prepare({ sandbox, clock: { now: sandbox.now }, onEvent })
  const { server, client, tokens } = prepared
  const attached = httpClients.map(attach => attach(prepared))
  const tokenServer = tokenServerOf(prepared, sandbox)

  const isHeld = () => state.expiresAt !== undefined && state.expiresAt > sandbox.now()

  async function call(name: string) {
    const startedAt = performance.now()
    const text = `GET the API through ${name}`
    const ended = (failed: boolean) => {
      state = { ...state, timeline: withCall(state.timeline, sandbox.now(), failed) }
    }
    try {
      const { status } = await clientNamed(name).call(server.apiUrl)
      ended(status >= 400)
      tell({ from: 'app', place, text, outcome: String(status), tone: toneOf(status), counted: true })
      return { status, durationMs: Math.round(performance.now() - startedAt) }
    } catch (error) {
      // had there been a token, the call would have gone out
      if (ourErrorIn(error) !== undefined) state = afterLoss(state, sandbox.now())
      ended(true)
      tell({ from: 'app', place, text, outcome: codeOf(error), tone: 'bad', counted: true })
      throw error
    } finally {
      changed()
    }
  }

  function clientNamed(name: string) {
    const found = attached.find(one => one.name === name)
    if (found === undefined) throw new RangeError(`no HTTP client is called ${name}`)
    return found
  }

  return {
    row,
    prepared,
    tokenServer,
    clients: attached.map(({ name }) => name),
    state: () => ({
      row: row.row,
      system: row.system,
      grant: row.grant,
      authentication: row.authentication,
      clients: attached.map(({ name }) => name),
      lifetimeMs,
      reachMs,
      ...stateMovedBy(state, Date.now() - sandbox.now()),
    }),
    call,
    async burst() {
      const [startedAt, requestsBefore] = [performance.now(), state.tokenRequests]
      const names = Array.from({ length: burstSize }, (_, index) => attached[index % attached.length]?.name ?? '')
      const ends = await Promise.all(names.map(name => call(name).then(({ status }) => String(status), codeOf)))
      const outcomes: Record<string, number> = {}
      for (const end of ends) outcomes[end] = (outcomes[end] ?? 0) + 1
      const tokenRequests = state.tokenRequests - requestsBefore
      return { outcomes, tokenRequests, durationMs: Math.round(performance.now() - startedAt) }
    },
    async expire() {
      if (!isHeld()) return false
      const { accessToken } = await tokens.getTokenSet()
      const ended = sandbox.systems.some(system => system.revoke(accessToken))
      if (ended) state = { ...state, endedAtServer: true, timeline: withEnd(state.timeline, sandbox.now()) }
      tell({ from: 'server', place, text: 'ended this token; the client has not been told', tone: 'warn' })
      changed()
      return ended
    },
    async close() {
      await Promise.all(attached.map(one => one.close()))
      await client.close()
    },
  }
}

/** What failed, below whatever the HTTP client wrapped around it. */
function ourErrorIn(error: unknown): GrantKitError | undefined {
  for (let each = error; each instanceof Error; each = each.cause) if (isGrantKitError(each)) return each
  return undefined
}

function codeOf(error: unknown): string {
  return ourErrorIn(error)?.code ?? (error instanceof Error ? error.name : 'Error')
}

/** The system that renews: row 3 gets its first token at one and all others at another. */
function tokenServerOf({ client, server }: Prepared, { systems }: Sandbox): System {
  const { refreshEndpoint } = client.provider.conform
  return systems.find(({ tokenEndpoint }) => tokenEndpoint === refreshEndpoint) ?? server
}
