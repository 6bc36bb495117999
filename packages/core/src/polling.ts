/** One loop for all grants that wait for a user elsewhere: device code (RFC 8628 §3.5) and CIBA (CIBA Core §11). */
import type { Clock } from './clock.js'
import { type AuthorizationServerError, isGrantKitError, LoginRequiredError } from './errors.js'
import type { Grant, PollingOptions, PollSchedule } from './grants/grant.js'
import { checkFunction, checkNumber, optionError } from './options.js'
import type { Provider } from './provider.js'
import { whenAborted } from './signal.js'

/**
 * The schedule of a grant that waits for a user, as the server has said it, or as it was kept.
 *
 * @param option what it is given as, such as `authorization`
 * @throws TypeError naming the option
 */
export function scheduleOf(
  option: string,
  { expiresAt, intervalMs }: Pick<PollSchedule, 'expiresAt' | 'intervalMs'>,
  { signal, wait }: PollingOptions,
): PollSchedule {
  checkNumber(`${option}.expiresAt`, expiresAt, 0)
  checkNumber(`${option}.intervalMs`, intervalMs, 0)
  if (signal !== undefined && typeof Object(signal).throwIfAborted !== 'function')
    throw optionError('signal', 'must be an AbortSignal')
  if (wait !== undefined) checkFunction('wait', wait)
  return { expiresAt, intervalMs, signal, wait }
}

/** Who asks. */
interface Poller {
  readonly clock: Clock
  readonly provider: Pick<Provider, 'name'>
}

/** What a token source adds to it. */
export interface PollOptions {
  /** Whose tokens they are to be. */
  readonly subject?: string | undefined
  /** Throws once nobody wants them any more. */
  readonly checkOpen?: (() => void) | undefined
}

/**
 * Asks for a grant: once, or by its schedule until somebody has agreed or refused, or it is over.
 *
 * @param ask asks the token endpoint once
 * @throws what `ask` throws, unless the next time may be better; LoginRequiredError when nobody has agreed in time; the
 *   signal's reason
 */
export async function poll<T>(
  poller: Poller,
  { polled }: Pick<Grant, 'polled'>,
  ask: () => Promise<T>,
  { subject, checkOpen }: PollOptions = {},
): Promise<T> {
  if (typeof polled !== 'object') return ask()
  const { signal, wait = timer, expiresAt } = polled
  const pace = paceOf(polled)
  let { firstAfterMs: delayMs = pace.delayMs } = polled
  let cause: unknown
  for (;;) {
    signal?.throwIfAborted()
    if (poller.clock.now() + delayMs >= expiresAt) throw notInTime(poller, subject, cause)
    if (delayMs > 0) await wait(delayMs, signal)
    signal?.throwIfAborted()
    checkOpen?.()
    try {
      return await abortable(ask(), signal)
    } catch (error) {
      signal?.throwIfAborted()
      cause = error
      if (codeOf(error) === 'expired_token') throw notInTime(poller, subject, cause)
      if (!pace.slowsDownFor(error)) throw error
      delayMs = pace.delayMs
    }
  }
}

const slowDownMs = 5_000
/** A server may ask for more; a timer can be set to no more than some weeks. */
const mostMs = 3_600_000

/** How long to wait before the next request. */
interface Pace {
  readonly delayMs: number
  /** Whether another request is worth it after this failure; then it comes later where it has to. */
  slowsDownFor(error: unknown): boolean
}

/** RFC 8628 §3.5: five seconds more after each `slow_down`; twice as long after each failure to get an answer. */
function paceOf(schedule: PollSchedule): Pace {
  let intervalMs = schedule.intervalMs
  let failures = 0
  let leastMs = 0
  return {
    get delayMs() {
      return Math.min(Math.max(intervalMs * 2 ** failures, leastMs), mostMs)
    },
    slowsDownFor(error) {
      const answer = whatCame(error)
      if (answer === undefined) return false
      if (answer === 'slow_down') intervalMs += slowDownMs
      failures = answer === 'none' ? Math.min(failures + 1, 10) : 0
      leastMs = (error as AuthorizationServerError).retryAfterMs ?? 0
      return true
    },
  }
}

/** `none`: no answer, or that of a server in trouble. `undefined` for whatever no further request would change. */
function whatCame(error: unknown): 'pending' | 'slow_down' | 'none' | undefined {
  if (codeOf(error) === 'slow_down') return 'slow_down'
  if (!isGrantKitError(error)) return undefined
  if (error.code === 'ERR_SERVER_REFUSED' && error.kind === 'pending') return 'pending'
  const isTheirs = ['ERR_SERVER_REFUSED', 'ERR_TRANSPORT', 'ERR_TRANSPORT_TIMEOUT', 'ERR_TOKEN_RESPONSE']
  return error.retryable && isTheirs.includes(error.code) ? 'none' : undefined
}

function codeOf(error: unknown): string | undefined {
  return isGrantKitError(error) && error.code === 'ERR_SERVER_REFUSED' ? error.error : undefined
}

function notInTime({ provider }: Poller, subject: string | undefined, cause: unknown): LoginRequiredError {
  const options = { provider: provider.name, subject, reason: 'expired_token', cause } as const
  return new LoginRequiredError('The user must log in: nobody has agreed in time', options)
}

/** Whoever waits is there to be served: the timer keeps the process alive. */
function timer(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timeout)
      stop?.()
      resolve()
    }
    const timeout = setTimeout(end, delayMs)
    const stop = signal && whenAborted(signal, end)
  })
}

/** What comes of a request that nobody waits for any more is nobody's. */
async function abortable<T>(request: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return request
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = whenAborted(signal, () => reject(signal.reason))
  })
  try {
    return await Promise.race([request, aborted])
  } finally {
    stop()
  }
}
