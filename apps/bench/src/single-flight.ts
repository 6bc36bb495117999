/** What a careful user writes by hand: one header, renewed once for all who ask at the same time. */

export interface HeldHeader {
  /** The `Authorization` header's value. */
  readonly authorization: string
  readonly expiresAt: number
}

/** A function that returns the header's value; given one that a server has rejected, it returns another. */
export function singleFlight(held: HeldHeader, request: () => Promise<HeldHeader>) {
  let renewal: Promise<string> | undefined

  async function renew(): Promise<string> {
    try {
      held = await request()
      return held.authorization
    } finally {
      renewal = undefined
    }
  }

  return async (rejected?: string): Promise<string> => {
    if (held.authorization !== rejected && Date.now() < held.expiresAt - 60_000) return held.authorization
    renewal ??= renew()
    return renewal
  }
}
