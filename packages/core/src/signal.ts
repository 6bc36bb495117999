/** One listener for each signal, however many wait: a signal that outlives its calls collects none, and nobody is warned. */

import { outOfContext } from './context.js'

interface Waiting {
  readonly aborts: Set<() => void>
  readonly stopListening: () => void
}

const waitingFor = new WeakMap<AbortSignal, Waiting>()

/** Calls `abort` when the signal is aborted, unless the function it returns is called first. */
export function whenAborted(signal: AbortSignal, abort: () => void): () => void {
  const { aborts, stopListening } = waitingFor.get(signal) ?? listenTo(signal)
  // one for each call, so that a function given twice is called twice
  const added = () => abort()
  aborts.add(added)
  return () => {
    if (aborts.delete(added) && aborts.size === 0) stopListening()
  }
}

function listenTo(signal: AbortSignal): Waiting {
  const aborts = new Set<() => void>()
  const tellAll = () => {
    stopListening()
    for (const abort of aborts) abort()
  }
  const stopListening = () => {
    signal.removeEventListener('abort', tellAll)
    if (waitingFor.get(signal) === waiting) waitingFor.delete(signal)
  }
  const waiting = { aborts, stopListening }
  waitingFor.set(signal, waiting)
  signal.addEventListener('abort', tellAll)
  return waiting
}

/**
 * Waits for a shared promise; an abort ends this wait alone, with the signal's reason, and the promise then holds nothing of
 * whoever waited.
 */
export function detachable<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return shared
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const abort = () => {
      leave()
      reject(signal.reason)
    }
    const stop = whenAborted(signal, abort)
    const leave = join(shared, outcome => {
      stop()
      outcome.then(resolve, reject)
    })
  })
}

type Waiter<T> = (outcome: Promise<T>) => void

const waiters = new WeakMap<Promise<unknown>, Set<Waiter<never>>>()

/** Tells a waiter when the promise is settled, unless the function it returns is called first. */
function join<T>(shared: Promise<T>, waiter: Waiter<T>): () => void {
  const all = waiters.get(shared) ?? gather(shared)
  all.add(waiter)
  return () => all.delete(waiter)
}

function gather(shared: Promise<unknown>): Set<Waiter<never>> {
  const all = new Set<Waiter<never>>()
  const tellAll = () => {
    waiters.delete(shared)
    for (const tell of all) tell(shared as Promise<never>)
  }
  waiters.set(shared, all)
  outOfContext(() => shared.then(tellAll, tellAll))
  return all
}
