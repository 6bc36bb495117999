/** The tour: each row obtains a token, calls an API with it through axios, lets it expire, and calls again. */
import { attachTokenSource } from '@grantkit/axios'
import { type GrantKitEvent, isGrantKitError } from '@grantkit/core'
import type { Sandbox } from '@grantkit/sandbox'
import axios from 'axios'
import type { Prepared, Row } from './row.js'
import { apiManagerApplication } from './rows/api-manager-application.js'
import { apiManagerUser } from './rows/api-manager-user.js'
import { apk } from './rows/apk.js'
import { bankLogin } from './rows/bank-login.js'
import { coreBanking } from './rows/core-banking.js'
import { fiservCiam } from './rows/fiserv-ciam.js'
import { identityServerUser } from './rows/identity-server-user.js'

/** What the app shows too: one token source each. */
export const sources: readonly Row[] = [
  apiManagerApplication,
  apiManagerUser,
  identityServerUser,
  apk,
  coreBanking,
  fiservCiam,
]

export const rows: readonly Row[] = [...sources, bankLogin]

/** What happened in a row; times in milliseconds, and of a token no more than a short hash. */
export interface RowResult {
  readonly row: number
  readonly system: string
  readonly grant: string
  readonly authentication: string
  /** Whether the API answered 200 before and after the token expired, with two different tokens. */
  readonly ok: boolean
  readonly scope: string | null
  readonly idToken: boolean
  readonly lifetimeSeconds: number | null
  readonly apiStatus: number | null
  /** The grants that went to the token endpoint, in order. */
  readonly tokenRequests: readonly string[]
  readonly apiStatusAfterExpiry: number | null
  /** What ended the tokens at last, and what the call after that came to. */
  readonly ending: string | null
  readonly durationMs: number
  readonly error: string | null
}

/** Runs one row; what goes wrong is part of its result. */
export async function runRow(row: Row, sandbox: Sandbox): Promise<RowResult> {
  const startedAt = performance.now()
  const requested: string[] = []
  const seen: Partial<Writable<RowResult>> & { tokenRequests: readonly string[] } = { tokenRequests: requested }
  const onEvent = (event: GrantKitEvent) => {
    if (event.type === 'token_requested') requested.push(event.grantType)
  }
  let error: string | null = null
  try {
    await visit(row, sandbox, onEvent, seen)
  } catch (failure) {
    error = String(failure)
  }
  const { system, grant, authentication } = row
  return {
    row: row.row,
    system,
    grant,
    authentication,
    ok: error === null,
    scope: null,
    idToken: false,
    lifetimeSeconds: null,
    apiStatus: null,
    apiStatusAfterExpiry: null,
    ending: null,
    ...seen,
    durationMs: Math.round(performance.now() - startedAt),
    error,
  }
}

/** Past the token's end at the server too: that counts from when it answered, the client from before it asked. */
const aMinute = 60_000

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

async function visit(
  row: Row,
  sandbox: Sandbox,
  onEvent: (event: GrantKitEvent) => void,
  seen: Partial<Writable<RowResult>> & { tokenRequests: readonly string[] },
) {
  const { server, client, tokens, end } = await row.prepare({ sandbox, clock: { now: sandbox.now }, onEvent })
  const api = axios.create()
  const detach = attachTokenSource(api, tokens, { origins: [server.apiOrigin], tls: client.tls })
  try {
    const first = await api.get(server.apiUrl)
    const { accessToken, expiresAt, obtainedAt, scope, idToken } = await tokens.getTokenSet()
    Object.assign(seen, { apiStatus: first.status, scope: scope ?? null, idToken: idToken !== undefined })
    if (expiresAt === undefined) throw new Error('the token has no known end')
    seen.lifetimeSeconds = Math.round((expiresAt - obtainedAt) / 1000)
    sandbox.advance(expiresAt - sandbox.now() + aMinute)
    const second = await api.get(server.apiUrl)
    seen.apiStatusAfterExpiry = second.status
    if ((await tokens.getTokenSet()).accessToken === accessToken) throw new Error('the expired token was used again')
    seen.tokenRequests = [...seen.tokenRequests] // what the end costs is not the tokens' renewal
    if (end !== undefined) seen.ending = await endingOf(end, () => api.get(server.apiUrl))
  } finally {
    detach()
    await tokens.forget() // tokens are held process-wide, and the app begins with none
    await client.close()
  }
}

async function endingOf({ what, run }: NonNullable<Prepared['end']>, call: () => Promise<unknown>): Promise<string> {
  await run()
  const error: unknown = await call().then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (isGrantKitError(error) && error.code === 'ERR_LOGIN_REQUIRED') return `${what}: the next call asks for a login`
  throw error ?? new Error(`${what}, and the token is still good`)
}
