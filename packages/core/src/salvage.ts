/**
 * Looks for a refresh token in an answer that is refused, whatever is wrong with it: a server that rotates has used the
 * old one up when it writes its answer (RFC 9700 §4.14), and the new one is the session.
 */
import { decodeText, isObject, parseForm, parseJson, saysNothing } from './body.js'
import { salvageContent } from './decompress.js'
import { expiresIn } from './lifetime.js'
import type { Provider, RequestFacts } from './provider.js'
import type { Received } from './received.js'
import type { RescuedRefreshToken } from './rescue.js'

export interface SalvageContext {
  readonly provider: Provider
  readonly facts: RequestFacts
  /** The refresh token that was sent: an echo of it is nothing new. */
  readonly sent: string | undefined
  /** Before the request was sent, in epoch milliseconds. */
  readonly requestedAt: number
}

/** The refresh token an answer brought; `undefined` when it has none that could be read whole. Throws nothing. */
export async function salvage(received: Received, context: SalvageContext): Promise<RescuedRefreshToken | undefined> {
  try {
    const text = decodeText(await salvageContent(received))
    const body = parseJson(text) ?? parseForm(received.isWhole ? text : upToLastMember(text))
    const speaksOfIt = isRefusal(received, body) || text.trimStart().startsWith('<')
    for (const found of candidates(body, text, context))
      if (isNew(found, speaksOfIt, context.sent)) return brought(found, context.requestedAt)
  } catch {}
  return undefined
}

/** The last member of a form that was cut off may be half of what it was. */
function upToLastMember(text: string): string {
  return text.slice(0, Math.max(0, text.lastIndexOf('&')))
}

function isRefusal({ status = 200 }: Received, body: unknown): boolean {
  return status >= 400 || (isObject(body) && !saysNothing(body.error))
}

/** A refresh token, and what stood beside it. */
interface Found {
  readonly refreshToken: unknown
  readonly members: Readonly<Record<string, unknown>>
}

/** The provider's own reading first, then the RFC's name wherever it stands, then the mere text. */
function* candidates(body: unknown, text: string, { provider, facts }: SalvageContext): Generator<Found> {
  if (body === undefined) return yield* scan(text)
  const { mapTokenResponse: map } = provider.conform
  if (map !== undefined) yield* search(mapped(() => map(body, facts)))
  yield* search(body)
}

function mapped(map: () => unknown): unknown {
  try {
    return map()
  } catch {
    return undefined
  }
}

/** Every member of that name, however its words are joined, from the outside in. */
function* search(body: unknown): Generator<Found> {
  let level = [body]
  for (let depth = 0; depth < 8 && level.length > 0; depth++) {
    for (const members of level.filter(isObject))
      for (const [name, refreshToken] of Object.entries(members))
        if (/^refresh[_-]?token$/i.test(name)) yield { refreshToken, members }
    level = level.flatMap(inside).slice(0, 10_000)
  }
}

function inside(value: unknown): unknown[] {
  if (typeof value === 'string') return /^\s*[{[]/.test(value) ? [parseJson(value)] : []
  return typeof value === 'object' && value !== null ? Object.values(value) : []
}

/** Names and values in text that is neither JSON nor a form: cut off, wrapped in something else, in another notation. */
function* scan(text: string): Generator<Found> {
  const members = { access_token: /["'<]access[_-]?token["'>]/i.test(text) }
  const quoted = text.matchAll(/(["'])refresh[_-]?token\1\s*[:=]\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')/gi)
  // as `JSON.parse` does: the last one counts
  for (const [, , double, single] of [...quoted].reverse())
    yield { refreshToken: double === undefined ? single : parseJson(`"${double}"`), members }
  for (const [, refreshToken] of text.matchAll(/<(?:\w+:)?refresh[_-]?token>\s*([^<&\s]+)\s*</gi))
    yield { refreshToken, members }
}

/** @param speaksOfIt whether the answer may be one that only speaks of refresh tokens: a refusal, or a page */
function isNew({ refreshToken, members }: Found, speaksOfIt: boolean, sent = ''): boolean {
  // RFC 6749 A.17
  if (typeof refreshToken !== 'string' || !/^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$/.test(refreshToken)) return false
  if (refreshToken === sent) return false
  const isAnswer = Object.entries(members).some(
    ([name, value]) => /^access[_-]?token$/i.test(name) && !saysNothing(value),
  )
  return isAnswer || !speaksOfIt || looksLikeOne(refreshToken, sent)
}

/** A refusal may say `"refresh_token": "is required"`, or echo what was sent: cut short, or masked. */
function looksLikeOne(text: string, sent: string): boolean {
  return /^\S+$/.test(text) && /\d/.test(text) && !/\*{2}|\.{3}|x{5}|redacted/i.test(text) && !sent.includes(text)
}

function brought({ refreshToken, members }: Found, requestedAt: number): RescuedRefreshToken {
  const lifetime = members.refresh_token_expires_in ?? members.refresh_expires_in
  return {
    refreshToken: refreshToken as string,
    refreshTokenExpiresAt: expiresIn(lifetime, requestedAt),
    obtainedAt: requestedAt,
  }
}
