/** What the store needs of a Redis client, whichever it is. */
import type { WaitForReplicas } from './replicas.js'

/** A script, the one key it works on, and its arguments. */
export interface Script {
  readonly text: string
  readonly key: string
  readonly args: readonly string[]
}

export interface Connection {
  /** Runs a script. */
  run(script: Script): Promise<unknown>
  /** Runs a script and WAIT, on one connection and never on two: there WAIT would count replicas that have nothing yet. */
  runAndWait(script: Script, wait: WaitForReplicas): Promise<readonly [reply: unknown, acknowledgements: unknown]>
  /** Subscribes to a channel, on a connection for that alone. */
  subscribe(channel: string, listener: (message: string) => void): Subscription
}

/** A subscription, which outlives its connection: a client connects and subscribes again by itself. */
export interface Subscription {
  /** Settles once: subscribed, or not to be had; may take as long as an outage. */
  readonly subscribed: Promise<void>
  /** Closes what was opened for it. */
  close(): void
}

/** Whether a script says yes. Clients can be told to give numbers as strings. */
export function isDone(reply: unknown): boolean {
  return String(reply) === '1'
}
