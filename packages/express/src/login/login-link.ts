/** Where a browser begins a login, and what that one is to ask for: sealed, so that nobody can make a user ask for something else. */
import { type JsonValue, ValidationError } from '@grantkit/core'
import { optionError, type Seal } from '@grantkit/core/kit'
import type { WebRequest } from '../middleware.js'
import type { Settings } from '../options.js'
import { queryOf } from '../request-parameters.js'
import { pageOf } from '../return-to.js'
import type { Wanted } from './step-up.js'

/** What one login is for. */
export interface WantedLogin {
  /** The page to come back to, an absolute URL. */
  readonly returnTo: string
  readonly wanted: Wanted
}

/** What is used of the app's settings. */
type LinkSettings = Pick<Settings, 'client' | 'seal' | 'site'>

/** The parameter of the login route that holds what it is to ask for, sealed. */
const wantedParameter = 'asks'

/**
 * The absolute URL of such a login.
 *
 * @throws TypeError where the app has no login route
 */
export async function loginUrl(
  { client, seal, site }: LinkSettings,
  { returnTo, wanted }: WantedLogin,
): Promise<string> {
  if (site.paths.login === undefined) throw optionError('paths.login', 'is false: this app has no login route')
  const url = new URL(site.paths.login, site.origin)
  const sealed = await sealWanted(seal, site.id, wanted, client.clock.now())
  url.searchParams.set('returnTo', returnTo.slice(site.origin.length))
  if (sealed !== undefined) url.searchParams.set(wantedParameter, sealed)
  return url.href
}

/**
 * What a request of the login route is for. A `returnTo` that leads elsewhere leads home: anybody may have made the link.
 *
 * @throws ValidationError `login_link`
 */
export async function readLoginUrl({ client, seal, site }: LinkSettings, request: WebRequest): Promise<WantedLogin> {
  const query = queryOf(request)
  const sealed = query.get(wantedParameter) ?? undefined
  const wanted = await openWanted(seal, site.id, sealed, client.clock.now())
  return { returnTo: pageOf(site, query.get('returnTo')) ?? site.home, wanted }
}

/** How long a link that asks for something does so. */
const lifetimeMs = 3_600_000

/** Seals what a link is to ask for: `undefined` where that is nothing. */
export async function sealWanted(seal: Seal, app: string, wanted: Wanted, now: number): Promise<string | undefined> {
  if (Object.keys(wanted).length === 0) return undefined
  return seal.seal({ wanted: wanted as JsonValue, expiresAt: now + lifetimeMs }, headerOf(app))
}

/**
 * What a link asks for; nothing once it has become too old.
 *
 * @throws ValidationError where nobody has sealed it: it was made up, or a key is gone
 */
export async function openWanted(seal: Seal, app: string, sealed: string | undefined, now: number): Promise<Wanted> {
  if (sealed === undefined) return {}
  const opened = await seal.open(sealed, headerOf(app))
  if (opened === undefined) throw new ValidationError('login_link', 'what it asks for was not sealed by this app')
  const { wanted, expiresAt } = opened as unknown as { wanted: Wanted; expiresAt: number }
  return now < expiresAt ? wanted : {}
}

/** @param app what tells this app from another that has the same keys */
function headerOf(app: string): Readonly<Record<string, string>> {
  return { typ: 'grantkit-login', app }
}
