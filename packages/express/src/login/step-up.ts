/** What a login asks for beyond what every login of the app does (RFC 9470 §4, RFC 6749 §6). */
import type { AuthorizationRequestOptions, Client } from '@grantkit/core'
import { checkOptions, checkText, checkWholeNumber, optionError, requestForAcr } from '@grantkit/core/kit'

/** What one login is to ask for beside what every login does. JSON. */
export interface Wanted {
  readonly scope?: readonly string[] | undefined
  /** Levels of authentication one of which is wanted, the preferred one first. */
  readonly acrValues?: readonly string[] | undefined
  /** How long ago the user may have authenticated, in seconds. */
  readonly maxAgeSeconds?: number | undefined
  readonly prompt?: readonly string[] | undefined
  readonly loginHint?: string | undefined
  readonly uiLocales?: readonly string[] | undefined
}

/** What a login has asked for, all in all: kept with its session, so that the same is not asked for again at once. JSON. */
export interface AskedFor {
  /** In a session, without what was granted: that stands there already, and a cookie is small. */
  readonly scope: readonly string[]
  /** Of `scope`, what was asked for by this session's step-ups and not by every login. */
  readonly furtherScope: readonly string[]
  readonly acrValues: readonly string[]
  readonly maxAgeSeconds?: number | undefined
}

/** Names of what a program may want of a login. */
const wantedNames = ['scope', 'acrValues', 'maxAgeSeconds', 'prompt', 'loginHint', 'uiLocales'] as const

/** What `login()` takes: beside those, where to go afterwards. */
const loginNames = [...wantedNames, 'returnTo']

/** As programs give it: text or lists. */
export type WantedOptions = Pick<AuthorizationRequestOptions, (typeof wantedNames)[number]>

/**
 * What a program wants of a login.
 *
 * @param maker whose options they are
 * @param names those that it takes
 * @throws TypeError naming the option
 */
export function wantedOf(maker: string, options: WantedOptions, names: readonly string[] = loginNames): Wanted {
  checkOptions(maker, options, names)
  const { maxAgeSeconds, loginHint } = options
  if (maxAgeSeconds !== undefined) checkWholeNumber('maxAgeSeconds', maxAgeSeconds, 0)
  if (loginHint !== undefined) checkText('loginHint', loginHint)
  return defined({
    scope: words('scope', options.scope),
    acrValues: words('acrValues', options.acrValues),
    maxAgeSeconds,
    prompt: words('prompt', options.prompt),
    loginHint,
    uiLocales: words('uiLocales', options.uiLocales),
  })
}

/** A text's words, or a list's. */
function words(option: string, value: string | readonly string[] | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' && !(Array.isArray(value) && value.every(one => typeof one === 'string')))
    throw optionError(option, 'must be a string or a list of strings')
  return [value].flat().flatMap(one => one.split(/\s+/).filter(word => word !== ''))
}

/** The session that a login takes the place of, as far as it says what to ask for. */
export interface SessionBefore {
  readonly askedFor?: AskedFor | undefined
  /** As granted. */
  readonly scope?: string | undefined
}

/**
 * What every login of the app asks for, what this one is to ask for beside it, and the scope that an earlier step-up of
 * the same session has brought: a login that only renews the session takes nothing away.
 *
 * @param configured what every login asks for
 */
export function askFor<Options extends Partial<AuthorizationRequestOptions>>(
  client: Client,
  configured: Options,
  wanted: Wanted,
  before?: SessionBefore,
): { readonly options: Options; readonly askedFor: AskedFor } {
  const everyLogin = words('scope', configured.scope) ?? []
  const granted = new Set(words('scope', before?.scope))
  const kept = before?.askedFor?.furtherScope.filter(one => granted.has(one)) ?? []
  const scope = [...new Set([...everyLogin, ...kept, ...(wanted.scope ?? [])])]
  const ages = [configured.maxAgeSeconds, wanted.maxAgeSeconds].filter(age => age !== undefined)
  const maxAgeSeconds = ages.length === 0 ? undefined : Math.min(...ages)
  const { prompt, loginHint, uiLocales } = wanted
  const options = {
    ...configured,
    ...defined({ prompt, loginHint, uiLocales, maxAgeSeconds, scope: scope.length === 0 ? undefined : scope }),
    ...(wanted.acrValues && requestForAcr(client.provider, configured, wanted.acrValues)),
  }
  const { acrValues, essentialAcr } = options
  return {
    options,
    askedFor: defined({
      scope,
      furtherScope: scope.filter(one => !everyLogin.includes(one)),
      acrValues: [essentialAcr ?? [], words('acrValues', acrValues) ?? []].flat(),
      maxAgeSeconds,
    }),
  }
}

/** The login that a session has come of. */
interface LoginBefore extends SessionBefore {
  /** In epoch milliseconds. */
  readonly loggedInAt: number
  /** `auth_time` of its ID token, in seconds since the epoch. */
  readonly authTime?: number | undefined
}

/** How long ago a login may have been that is not to be asked for again. */
const justNowMs = 30_000

/**
 * Whether the session has come of a login that asked for the same a moment ago: another one would bring the same again, and
 * the browser go round in circles.
 */
export function wasJustAskedFor(wanted: Wanted, lastLogin: LoginBefore | undefined, now: number): boolean {
  // a clock that was put back is no reason to refuse a login for long
  if (lastLogin === undefined || Math.abs(now - lastLogin.loggedInAt) >= justNowMs) return false
  if (hasAged(lastLogin, wanted, now)) return false
  const granted = new Set(words('scope', lastLogin.scope))
  const { scope = [], acrValues = [], maxAgeSeconds = Number.POSITIVE_INFINITY } = lastLogin.askedFor ?? {}
  return (
    (wanted.scope ?? []).every(one => scope.includes(one) || granted.has(one)) &&
    (wanted.acrValues ?? []).every(one => acrValues.includes(one)) &&
    maxAgeSeconds <= (wanted.maxAgeSeconds ?? Number.POSITIVE_INFINITY)
  )
}

/** Whether a login was recent enough when it came back, and no longer is: the server does what it is asked for. */
function hasAged({ loggedInAt, authTime }: LoginBefore, { maxAgeSeconds }: Wanted, now: number): boolean {
  if (authTime === undefined || maxAgeSeconds === undefined) return false
  return loggedInAt / 1000 - authTime <= maxAgeSeconds && now - loggedInAt > maxAgeSeconds * 1000
}

function defined<Members extends object>(members: Members): Members {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Members
}
