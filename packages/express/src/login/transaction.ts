/** A login under way: kept by the browser that began it, in a sealed cookie of its own, and taken once (RFC 9700 §4.7). */
import { type AuthorizationTransaction, type JsonValue, ValidationError } from '@grantkit/core'
import { boundedStoreOf } from '@grantkit/core/kit'
import { checkCookie, clearCookie, cookiesOf, fits, setCookie } from '../cookie.js'
import type { WebRequest, WebResponse } from '../middleware.js'
import type { Settings } from '../options.js'
import { shortHash } from '../paths.js'
import { msUntil, recordKey, useOnce } from '../records.js'
import type { AskedFor } from './step-up.js'

/** What is kept until the answer comes. */
export interface LoginTransaction {
  /** For `readAuthorizationResponse()`. */
  readonly authorization: AuthorizationTransaction
  /** Where to go afterwards, an absolute URL. */
  readonly returnTo: string
  /** For the session that comes of it. */
  readonly askedFor: AskedFor
  /** Id of the session that it takes the place of, where the answer is posted: its cookie stays behind then. */
  readonly sessionBefore?: string | undefined
}

/** The logins of browsers. */
export interface Transactions {
  /** Has the browser keep a login, and the oldest ones let go. */
  keep(request: WebRequest, response: WebResponse, transaction: LoginTransaction): Promise<void>
  /**
   * Takes a login: out of the browser, and in the store, so that no other process takes it.
   *
   * @throws ValidationError `transaction` where this browser has none of that `state`, `used_answer` where it was taken
   */
  take(request: WebRequest, response: WebResponse, state: string): Promise<LoginTransaction>
  /** Has the browser let go of a login: at its answer, whatever that is. */
  drop(request: WebRequest, response: WebResponse, state: string): void
}

/** Tabs in which somebody logs in at once. */
const mostLogins = 5
const remedy = 'ask for less at once: by authorization of grantkit(), or by what a step-up asks for beside it'
/** Of all of them together: servers take 8 KiB of headers, and the session's cookie stands there too. */
const mostCharacters = 5_000

/** For whoever reads the log: what a cookie that is missing, or does not open, most often comes of. */
const notBegunAt = (origin: string) =>
  `this browser has not begun this login at ${origin}, or has finished it, or keeps no cookies of this app`
const notOpened =
  "the login's cookie does not open: it was changed, or another process has other keys; give all of them the same"

/** What was asked for is the scope of the request: in a cookie it stands once. */
function withScope(transaction: LoginTransaction, scope: readonly string[]): LoginTransaction {
  return { ...transaction, askedFor: { ...transaction.askedFor, scope } }
}

export function createTransactions({ client, site, seal, store, session }: Settings): Transactions {
  const marks = boundedStoreOf(store)
  const prefix = `${site.cookiePrefix}grantkit-login-${site.id}-`
  const nameOf = (state: string) => prefix + shortHash(state)
  const headerOf = (name: string) => ({ use: 'login', cookie: name })
  // as the session's, so that it goes where that does
  const { attributes } = session
  // a form that another site posts brings no other cookies (OAuth 2.0 Form Post Response Mode §4)
  const ofPosted = { ...attributes, secure: true, sameSite: 'none' } as const
  const clear = (response: WebResponse, name: string) => clearCookie(response, name, attributes)

  async function open(request: WebRequest, name: string): Promise<LoginTransaction | undefined> {
    const sealed = cookiesOf(request).get(name)
    const kept = sealed && ((await seal.open(sealed, headerOf(name))) as LoginTransaction | undefined)
    return kept ? withScope(kept, kept.authorization.scope?.split(' ') ?? []) : undefined
  }

  /** Where there is too much to ask for, the page one wanted gives way: the login works, and leads home. */
  async function sealedToFit(transaction: LoginTransaction, name: string): Promise<string> {
    const kept = withScope(transaction, []) as unknown as JsonValue
    const sealed = await seal.seal(kept, headerOf(name))
    if (fits(name, sealed) || transaction.returnTo === site.home) return sealed
    return sealedToFit({ ...transaction, returnTo: site.home }, name)
  }

  /** Those of this browser that can still be answered, the oldest first; what cannot is cleared. */
  async function others(request: WebRequest, response: WebResponse) {
    const found: { name: string; size: number; expiresAt: number }[] = []
    let cleared = 0
    for (const [name, sealed] of cookiesOf(request)) {
      if (!name.startsWith(prefix)) continue
      const { expiresAt } = (await open(request, name))?.authorization ?? { expiresAt: 0 }
      if (expiresAt > client.clock.now()) found.push({ name, size: name.length + sealed.length, expiresAt })
      // somebody may have set hundreds: proxies take no answer with so many headers
      else if (cleared++ < mostLogins) clear(response, name)
    }
    return found.sort((one, other) => one.expiresAt - other.expiresAt)
  }

  async function makeRoom(request: WebRequest, response: WebResponse, size: number): Promise<void> {
    const kept = await others(request, response)
    const isTooMuch = () =>
      kept.length >= mostLogins || kept.reduce((sum, one) => sum + one.size, size) > mostCharacters
    while (kept.length > 0 && isTooMuch()) clear(response, (kept.shift() as { name: string }).name)
  }

  /** Written before anything is asked of the server, and only for what this app has sealed: nobody fills a store with it. */
  async function markUsed({ state, expiresAt }: AuthorizationTransaction): Promise<void> {
    const keepForMs = msUntil(expiresAt, client.clock.now())
    if ((await useOnce(marks, recordKey('login', site.id, state), keepForMs)) === undefined)
      throw new ValidationError('used_answer', 'the answer was taken before; it is good for one use')
  }

  return {
    async keep(request, response, transaction) {
      const { state, responseMode, expiresAt } = transaction.authorization
      const name = nameOf(state)
      const sealed = await sealedToFit(transaction, name)
      checkCookie(response, name, sealed, remedy)
      await makeRoom(request, response, name.length + sealed.length)
      const maxAge = Math.ceil((expiresAt - client.clock.now()) / 1000)
      setCookie(response, name, sealed, { ...(responseMode.startsWith('form_post') ? ofPosted : attributes), maxAge })
    },
    async take(request, response, state) {
      const name = nameOf(state)
      const transaction = await open(request, name)
      const hasCookie = cookiesOf(request).has(name)
      if (hasCookie) clear(response, name)
      if (transaction === undefined)
        throw new ValidationError('transaction', hasCookie ? notOpened : notBegunAt(site.origin))
      await markUsed(transaction.authorization)
      return transaction
    },
    drop(request, response, state) {
      const name = nameOf(state)
      if (cookiesOf(request).has(name)) clear(response, name)
    },
  }
}
