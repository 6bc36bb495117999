/**
 * Where a process is in the protocol of `src/lifecycle/protocol.ts`. A generator cannot be copied, but it goes the same way
 * whenever it is told the same: so a place in it is what it has been told so far, and all places make a tree. Each place is
 * found once, by telling a new generator everything.
 */
import {
  type Refresh,
  refreshing,
  type Sent,
  type Step,
  type Steps,
  type Verdict,
} from '../../../src/lifecycle/protocol.js'

/** Sending in two: the request is handed over, and answered later. */
type Sending = { readonly step: 'hand_over'; readonly refreshToken: string } | { readonly step: 'answer' }

/** A step of the protocol, or its end. */
export type Next =
  | Exclude<Step, { step: 'send' }>
  | Sending
  | { readonly step: 'over'; readonly verdict: Verdict | undefined }

type Doing<T> = Generator<Exclude<Next, { step: 'over' }>, T, unknown>

/** What a step came to. */
export type Told = { readonly result: unknown } | { readonly error: unknown }

export interface Flight {
  /** The same for the same place. */
  readonly id: number
  readonly next: Next
  /** The place after this step. Results and errors are told apart by identity. */
  after(told: Told): Flight
}

/** A refresh that begins, by a process whose clock is ahead. */
export function takeOff(wants: number, resends: number, ahead: number): Flight {
  const key = `${wants} ${resends} ${ahead}`
  return flights.get(key) ?? place(key, refreshBy(wants, resends, ahead), [])
}

function refreshBy(wants: number, resends: number, ahead: number): Refresh {
  return {
    entry,
    serves: ({ accessToken }) => numberOf(accessToken) >= wants,
    resends,
    holder: me,
    now: () => ahead,
    checkOpen: () => {},
    isToldOfChanges: false,
    servesOthers: () => false,
    isEarlier: () => false,
    isHeld: () => true,
  }
}

/** The key of the one access token there is at a time. */
export const entry = 'entry'

/** Of `a3` or `r3`; -1 where there is none. */
export function numberOf(token: string | undefined): number {
  return token === undefined ? -1 : Number(token.slice(1))
}

/** The name of whoever looks; in the records of the model, which processes share, nobody has a name. */
export const me = 'me'

const flights = new Map<string, Flight>()

function place(key: string, refresh: Refresh, told: readonly Told[]): Flight {
  const next = follow(refresh, told)
  const after = (one: Told): Flight => {
    const short = shortened(refresh, [...told, one])
    const keyAfter = [key.split('|')[0], ...short.map(keyOf)].join('|')
    return flights.get(keyAfter) ?? place(keyAfter, refresh, short)
  }
  const followers = new Map<unknown, Flight>()
  const flight: Flight = {
    id: flights.size,
    next,
    after(one) {
      const told = 'error' in one ? one.error : one.result
      const known = followers.get(told)
      if (known !== undefined) return known
      const follower = after(one)
      followers.set(told, follower)
      return follower
    },
  }
  flights.set(key, flight)
  return flight
}

/** Without what does not matter any more: a round before this one, and how often the lease was looked at before sending. */
function shortened(refresh: Refresh, told: readonly Told[]): readonly Told[] {
  const { step } = follow(refresh, told)
  if (step === 'lease') return []
  if (step !== 'hand_over') return told
  const first = told.findIndex((_, index) => follow(refresh, told.slice(0, index)).step === 'outlasts')
  return [...told.slice(0, first), { result: true }]
}

/** Tells a new generator all of it. */
function follow(refresh: Refresh, told: readonly Told[]): Next {
  const steps = inTwo(refreshing(refresh, verdict => verdict))
  try {
    let next = steps.next()
    for (const one of told) next = 'error' in one ? steps.throw(one.error) : steps.next(one.result)
    return next.done === true ? { step: 'over', verdict: next.value } : next.value
  } catch {
    return { step: 'over', verdict: undefined }
  }
}

/** The steps, with those before sending, and with sending in two. */
function* inTwo(steps: Steps<Verdict>): Doing<Verdict> {
  let next = steps.next()
  while (next.done !== true) {
    let goOn: () => IteratorResult<Step, Verdict>
    try {
      const result: unknown = next.value.step === 'send' ? yield* sending(next.value) : yield next.value
      goOn = () => steps.next(result)
    } catch (error) {
      goOn = () => steps.throw(error)
    }
    next = goOn()
  }
  return next.value
}

function* sending({ refreshToken, beforeSending }: Extract<Step, { step: 'send' }>): Doing<unknown> {
  try {
    yield* beforeSending() as Doing<void>
  } catch (error) {
    return { error, hasLeft: false } satisfies Sent
  }
  yield { step: 'hand_over', refreshToken }
  return yield { step: 'answer' }
}

const numbers = new WeakMap<object, number>()
let mostNumber = 0

function keyOf(told: Told): string {
  const value = 'error' in told ? told.error : told.result
  const kind = 'error' in told ? 'throws' : 'returns'
  if (typeof value !== 'object' || value === null) return `${kind} ${value}`
  const number = numbers.get(value) ?? mostNumber++
  numbers.set(value, number)
  return `${kind} #${number}`
}
