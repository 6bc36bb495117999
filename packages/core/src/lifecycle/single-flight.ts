/** One request for all who want its answer at once. */
import type { TokenSet } from '../token-set.js'
import type { Entry, Flight } from './lineage.js'

/** Joins the entry's flight, or starts one. It leaves the entry when it ends, whatever the outcome. */
export function singleFlight(entry: Entry, start: (named: (requestId: string) => void) => Promise<TokenSet>): Flight {
  if (entry.flight !== undefined) return entry.flight
  let requestId: string | undefined
  const named = (name: string) => {
    requestId = name
  }
  const answer = start(named).finally(() => {
    // `forget()` empties the entry, and another flight may have begun there since
    if (entry.flight === flight) entry.flight = undefined
  })
  const flight: Flight = {
    answer,
    get requestId() {
      return requestId
    },
  }
  entry.flight = flight
  return flight
}
