/** Callers that ask for tokens again and again, and look at every token they get. */
import { setMaxListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { Clock, ManagedTokenSource, TokenSet } from '@grantkit/core'
import { attach, parseOrigins } from '@grantkit/core/kit'
import { report } from '../child.js'
import { verdictOn } from './alive.js'
import type { Callable, WorkerOptions } from './main.js'
import { type BadTokenReport, type FailedReport, instant, type WaitedReport } from './reports.js'

interface LoadOptions extends WorkerOptions {
  readonly clock: Clock
  readonly tokensOf: (subject: string) => Callable
  readonly applicationTokens: ManagedTokenSource
}

/** When a token is due, everybody comes within this time. */
const rushMs = 100

export class Load {
  readonly #options: LoadOptions
  readonly #stopped = new AbortController()
  #loops: readonly Promise<void>[] = []
  #calls = 0

  constructor(options: LoadOptions) {
    this.#options = options
    setMaxListeners(0, this.#stopped.signal)
  }

  begin(): void {
    const { users, callers } = this.#options
    const ofUsers = users.flatMap(({ subject }) => Array.from({ length: callers }, () => this.#userLoop(subject)))
    const ofApplication = Array.from({ length: callers }, () => this.#applicationLoop())
    this.#loops = [...ofUsers, ...ofApplication]
  }

  async end(): Promise<number> {
    this.#stopped.abort()
    await Promise.all(this.#loops)
    return this.#calls
  }

  async #userLoop(subject: string): Promise<void> {
    const source = this.#options.tokensOf(subject)
    await this.#pause(Math.random() * this.#options.longestPauseMs)
    while (!this.#stopped.signal.aborted) {
      const tokenSet = await this.#attempt(subject, () => source.getTokenSet())
      if (tokenSet === 'login required') return
      if (tokenSet !== undefined) await this.#ask(subject, tokenSet)
      await this.#pause(this.#untilNextCall(tokenSet))
    }
  }

  /** Calls the API as an integration does: with the token, and once more with its replacement if it is rejected. */
  async #applicationLoop(): Promise<void> {
    const { applicationTokens: source, servers } = this.#options
    const { apiUrl: url } = servers.apiManager
    const origins = parseOrigins([new URL(url).origin])
    while (!this.#stopped.signal.aborted) {
      await this.#attempt(undefined, async () => {
        const attached = await attach(source, origins, { method: 'GET', url })
        const send = () => source.client.transport({ method: 'GET', url, headers: attached.headers })
        const first = await send()
        const wwwAuthenticate = first.headers.get('www-authenticate') ?? undefined
        const body = async () => new TextDecoder().decode(first.body)
        const headers = await attached.replay({ status: first.status, wwwAuthenticate, body }, true)
        const { status } = headers === undefined ? first : await send()
        if (status !== 200) report({ type: 'bad_token', subject: undefined, verdict: String(status), at: instant() })
        return undefined
      })
      await this.#pause(Math.random() * 200)
    }
  }

  async #attempt(
    subject: string | undefined,
    call: () => Promise<TokenSet | undefined>,
  ): Promise<TokenSet | 'login required' | undefined> {
    this.#calls++
    const askedAt = instant()
    try {
      const tokenSet = await call()
      if (tokenSet === undefined) return undefined
      const gotAt = instant()
      const { accessToken } = tokenSet
      if (gotAt - askedAt > 1) report({ type: 'waited', accessToken, askedAt, gotAt } satisfies WaitedReport)
      return tokenSet
    } catch (error) {
      const { code = 'none', message } = error as Error & { code?: string }
      report({ type: 'failed', subject, code, message, askedAt, at: instant() } satisfies FailedReport)
      return code === 'ERR_LOGIN_REQUIRED' ? 'login required' : undefined
    }
  }

  async #ask(subject: string, tokenSet: TokenSet): Promise<void> {
    const { clock, servers } = this.#options
    const cameAt = clock.now()
    const verdict = await verdictOn(servers.authorizationServer.issuer, tokenSet)
    // on a machine that stands still for a while, a token that was good when it came ends on its way to the server
    const { expiresAt = Number.POSITIVE_INFINITY } = tokenSet
    if (verdict === 'expired' && cameAt < expiresAt && clock.now() >= expiresAt) return
    if (verdict !== undefined && verdict !== 'alive')
      report({ type: 'bad_token', subject, verdict, at: instant() } satisfies BadTokenReport)
  }

  /** Half of the time whenever, half of the time with everybody else, when the token is due. */
  #untilNextCall(tokenSet: TokenSet | undefined): number {
    const { clock, thresholds, longestPauseMs } = this.#options
    const { expiresAt } = tokenSet ?? {}
    if (expiresAt === undefined || Math.random() < 0.5) return Math.random() * longestPauseMs
    return Math.max(expiresAt - thresholds.expiryMarginMs - clock.now(), 0) + Math.random() * rushMs
  }

  async #pause(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#stopped.signal }).catch(() => {})
  }
}
