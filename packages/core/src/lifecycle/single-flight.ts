/** One request for all who want its answer at once. */
import type { TokenSet } from '../token-set.js'
import type { Entry } from './lineage.js'

/** Joins the entry's flight, or starts one. It leaves the entry when it ends, whatever the outcome. */
export function singleFlight(entry: Entry, start: () => Promise<TokenSet>): Promise<TokenSet> {
  if (entry.flight !== undefined) return entry.flight
  const flight = start().finally(() => {
    // `forget()` empties the entry, and another flight may have begun there since
    if (entry.flight === flight) entry.flight = undefined
  })
  entry.flight = flight
  return flight
}
