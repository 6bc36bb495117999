/**
 * Processes that answer calls and send reports, by Node's own channel between parent and child. They end when their
 * parent does, whatever ended it: the channel closes.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

type Argument<Call> = Call extends (...args: infer Args) => unknown ? Args : never
type Answer<Call> = Call extends (...args: never) => Promise<infer Result> ? Result : never

/** A child process, as its parent sees it. */
export interface Child<Offered> {
  /** Rejects with what the function threw, or when the child ends before it has answered. */
  call<Name extends keyof Offered & string>(
    name: Name,
    ...argument: Argument<Offered[Name]>
  ): Promise<Answer<Offered[Name]>>
  /** Settles when the process is gone. */
  readonly ended: Promise<void>
  /** Ends it at once (SIGKILL), and waits until it is gone. */
  kill(): Promise<void>
}

/**
 * Starts a program of this package.
 *
 * @param program its module, such as `./worker/main.js`
 * @param onReport called with whatever it reports
 */
export function startChild<Offered>(program: URL, onReport: (report: never) => void = () => {}): Child<Offered> {
  const child = fork(program, {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const asked = new Map<number, PromiseWithResolvers<unknown>>()
  const ended = once(child, 'exit').then(() => {
    for (const { reject } of asked.values()) reject(new Error(`${program.pathname} ended`))
    asked.clear()
  })
  child.on('message', (message: FromChild) => {
    if ('report' in message) return onReport(message.report as never)
    const waiting = asked.get(message.id)
    asked.delete(message.id)
    if ('error' in message) waiting?.reject(new Error(message.error))
    else waiting?.resolve(message.answer)
  })
  let calls = 0
  return {
    ended,
    async call(name, ...[argument]) {
      const id = calls++
      const waiting = withResolvers<unknown>()
      asked.set(id, waiting)
      if (!send(child, { id, name, argument })) waiting.reject(new Error(`${program.pathname} has ended`))
      return waiting.promise as Promise<never>
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** In a child: answers the parent's calls by these functions, and ends with the parent. */
export function answerParent(offered: Readonly<Record<string, (argument: never) => Promise<unknown>>>): void {
  process.on('message', async ({ id, name, argument }: ToChild) => {
    const answer = await answerOf(offered[name], argument)
    if (process.connected) process.send?.({ id, ...answer })
  })
  process.on('disconnect', () => process.exit())
  // Ctrl-C reaches every process of the terminal; what ends and in which order is the parent's to say
  process.on('SIGINT', () => {})
}

/** In a child: tells the parent something, unless it is gone. */
export function report(what: unknown): void {
  if (process.connected) process.send?.({ report: what })
}

interface ToChild {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

type FromChild =
  | { readonly report: unknown }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: Error) => void
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let settle: Omit<PromiseWithResolvers<T>, 'promise'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...(settle as Omit<PromiseWithResolvers<T>, 'promise'>) }
}

function send(child: ChildProcess, message: ToChild): boolean {
  // an error of the channel is the child's end, which is told by 'exit'
  return child.connected && child.send(message, () => {}) !== undefined
}

async function answerOf(run: ((argument: never) => Promise<unknown>) | undefined, argument: unknown) {
  try {
    return { answer: await run?.(argument as never) }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
