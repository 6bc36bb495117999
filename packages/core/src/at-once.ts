/** Answers that are had at once where they can be: what is in this process is not waited for, what is elsewhere is. */

/** An answer, or the promise of one. */
export type AtOnce<T> = T | PromiseLike<T>

/**
 * What is made of an answer: at once where it is there, else when it comes. A failure is thrown or rejected with as it came,
 * so whoever calls this awaits it in an `async` function, where both are one.
 */
export function after<T, Next>(answer: AtOnce<T>, next: (answer: T) => AtOnce<Next>): AtOnce<Next> {
  return isPromised(answer) ? answer.then(next) : next(answer)
}

/** Whatever can be awaited: a store may have a promise that is not Node's own. */
export function isPromised<T>(answer: AtOnce<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | null | undefined)?.then === 'function'
}
