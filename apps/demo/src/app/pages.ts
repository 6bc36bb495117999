/** What every page that is open is told: the cards, the log, and the steps of logins; once for each turn of the event loop. */
import { randomUUID } from 'node:crypto'
import type { ReceivedRequest, System } from '@grantkit/sandbox'
import type { RequestHandler } from 'express'
import { createSteps, type NewStep, type Step } from '../bank/steps.js'
import { createEventStream, type EventStream } from './event-stream.js'
import { createLog, type LogLine, type NewLine } from './log.js'
import { followRecords, lineOf, type NamedSystems } from './server-record.js'

export interface Pages {
  /** `GET /events`. */
  readonly handler: RequestHandler
  /** The cards are no longer what they were. */
  changed(): void
  /** Adds a line, after what the servers have received by now. */
  tell(line: NewLine): void
  /** Adds a step, likewise. */
  draw(step: NewStep): void
  close(): void
}

export interface PagesOptions {
  readonly systems: NamedSystems
  /** What the cards look like now. */
  readonly states: () => unknown
  /** A request that a server received, as steps. */
  readonly stepsOf: (request: ReceivedRequest, system: System) => readonly NewStep[]
}

/** While nothing is told by the app, as when a customer is at the bank's pages, the servers are looked at this often. */
const lookEveryMs = 250

export function createPages({ systems, states, stepsOf }: PagesOptions): Pages {
  const start = randomUUID()
  const stream = createEventStream(() => {
    follow()
    return [
      { name: 'start', data: start },
      { name: 'cards', data: states() },
      { name: 'log', data: log.lines },
      { name: 'steps', data: steps.lines },
    ]
  })
  const { changed, logged, drawn } = batched(stream, states)
  const log = createLog(logged)
  const steps = createSteps(drawn)
  const follow = followRecords([...systems.keys()], (request, system) => {
    log.add(lineOf(request, systems.get(system) ?? ''))
    for (const step of stepsOf(request, system)) steps.add(step)
  })
  const timer = setInterval(follow, lookEveryMs).unref()
  return {
    handler: stream.handler,
    changed,
    tell(line) {
      follow()
      log.add(line)
    },
    draw(step) {
      follow()
      steps.add(step)
    },
    close() {
      clearInterval(timer)
      stream.close()
    },
  }
}

function batched(stream: EventStream, states: () => unknown) {
  const lines = new Map<number, LogLine>()
  const steps = new Map<number, Step>()
  let isDue = false
  const flush = () => {
    isDue = false
    stream.send({ name: 'cards', data: states() })
    for (const [name, entries] of Object.entries({ log: lines, steps })) {
      if (entries.size > 0) stream.send({ name, data: [...entries.values()] })
      entries.clear()
    }
  }
  const changed = () => {
    if (!isDue) setImmediate(flush)
    isDue = true
  }
  const keeping =
    <Entry extends { readonly id: number }>(entries: Map<number, Entry>) =>
    (entry: Entry) => {
      entries.set(entry.id, entry)
      changed()
    }
  return { changed, logged: keeping(lines), drawn: keeping(steps) }
}
