/**
 * What outlives a request must not hold what the request keeps in an `AsyncLocalStorage`: its user, its database
 * transaction. Promises, timers and sockets hold the context they were made in, so those that last are made in none.
 */
import { AsyncResource } from 'node:async_hooks'

const none = new AsyncResource('GrantKit')

/** Runs what makes something that lasts, in the context this module was loaded in: that of no request. */
export function outOfContext<T>(run: () => T): T {
  return none.runInAsyncScope(run)
}
