/** One listener for each signal, however many wait: a signal that outlives its calls collects none, and nobody is warned. */

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

/** Waits for a shared promise; an abort ends this wait alone, with the signal's reason. */
export function detachable<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return shared
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) return abort()
    const stop = whenAborted(signal, abort)
    shared.then(resolve, reject).finally(stop)
  })
}
