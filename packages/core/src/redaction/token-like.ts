/** Finds what looks like a token or a secret, whoever's it is: by what stands before it, or by itself. */
import { isOrdinary, isRandom, isReference, oddLength, uuid } from './words.js'

/** The first and the last character of what was found. */
export type Found = readonly [first: number, last: number]

/** All there is; one may lie in another. Takes time in proportion to the text. */
export function* tokenLikeIn(text: string): Generator<Found> {
  // a JWT, a cut off one too; and the query of a URL
  for (const match of text.matchAll(/eyJ[\w.-]+|\?[\w%][^\s"'<>]*/g)) yield wholeOf(match)
  yield* credentialsIn(text)
  yield* elementsIn(text)
  yield* membersIn(text)
  yield* mentionsIn(text)
  yield* markedIn(text)
  yield* randomIn(text)
}

function wholeOf({ 0: match, index }: RegExpMatchArray): Found {
  return [index as number, (index as number) + match.length - 1]
}

/** The end of a match. */
function endOf({ 0: match, index }: RegExpMatchArray, value: string): Found {
  const end = (index as number) + match.length
  return [end - value.length, end - 1]
}

/** `Bearer …` in prose or in a header, unless a word or a parameter of a challenge follows. */
function* credentialsIn(text: string): Generator<Found> {
  for (const match of text.matchAll(/\b(?:bearer|basic|dpop|negotiate)\b["']?[\s:]{1,3}["']?([^\s"'<>,;]+)/gi)) {
    const [, value = ''] = match
    const isParameter = /^[a-z_]+=($|[^=])/.test(value)
    if (!isParameter && !isOrdinary(value)) yield endOf(match, value)
  }
}

const names =
  'tokens?|secret|assertion|passw(?:or)?d|passphrase|pwd|credentials?|api[_-]?key|private[_-]?key|verifier|cookie|jwt|' +
  'otp|session[_-]?id|code'

/** `<access_token>…</access_token>`. */
function* elementsIn(text: string): Generator<Found> {
  const element = new RegExp(`(${names})(?:\\s[^<>]{0,200})?>(?:<!\\[CDATA\\[)?([^<]+)`, 'gi')
  for (const match of text.matchAll(element)) {
    const [, name = '', value = ''] = match
    if (isSecretValue(name, value, text, match.index)) yield endOf(match, value)
  }
}

/** `"access_token":"…"` whole or cut off, `access_token=…`, `access token: …`, `name="access_token" value="…"`. */
function* membersIn(text: string): Generator<Found> {
  const quote = '\\\\{0,4}["\']'
  const beside = `(?:\\s?[[({]\\s?value\\s?=|${quote}[\\s,:]{0,3}(?:${quote})?(?:value|content)(?:${quote})?\\s?[:=]|(?:${quote})?\\s?(?:=>|[:=]))`
  const member = new RegExp(`(${names})(${beside})(\\s?\\[?\\s?)(${quote})?`, 'gi')
  for (const match of text.matchAll(member)) {
    const [whole, name = '', sign = '', gap = '', open] = match
    const at = match.index + whole.length
    const value = open === undefined ? unquoted(text, at) : quoted(text, at, open.slice(-1))
    const isClose = open !== undefined || (sign.endsWith('=') && gap === '')
    if (value === '' || !(isClose ? isSecretValue(name, value, text, match.index) : isLoose(name, value, text, at)))
      continue
    yield [at, at + value.length - 1]
  }
}

/** To the quote, or to the end of a text that was cut off. */
function quoted(text: string, at: number, quote: string): string {
  const end = text.indexOf(quote, at)
  return text.slice(at, end === -1 ? undefined : end).replace(/\\{1,4}$/, '')
}

function unquoted(text: string, at: number): string {
  const value = /[^\s&<>"'(){}[\]]+/y
  value.lastIndex = at
  return withoutStop(value.exec(text)?.[0] ?? '')
}

function withoutStop(value: string): string {
  return value.replace(/[.,;:!?)\\]{1,4}$/, '')
}

/** Whether what stands right behind a name is its value: not words about it, nor the code of an error. */
function isSecretValue(name: string, value: string, text: string, at: number): boolean {
  if (/^code$/i.test(name) && !isCodeOfGrant(text, at)) return !isErrorCode(value)
  if (/^(passw|pwd|secret)/i.test(name)) return true
  return !(/\s/.test(value.trim()) && value.trim().split(/\s/).every(isOrdinary))
}

/** Behind a colon and a blank as often words follow. */
function isLoose(name: string, value: string, text: string, at: number): boolean {
  if (/^code$/i.test(name)) return !isErrorCode(value)
  const isLast = /^["'\s.})]*$/.test(text.slice(at + value.length, at + value.length + 4))
  return !isOrdinary(value) || (isLast && value.length >= 8 && !adjectives.test(value))
}

const adjectives =
  /^(expired|invalid|missing|required|revoked|unknown|undefined|rejected|malformed|inactive|mismatch)$/i

function isCodeOfGrant(text: string, at: number): boolean {
  return /(authorization|auth|device|user)[ _-]?$/i.test(text.slice(Math.max(0, at - 16), at))
}

/** `invalid_grant`, `AADSTS50011`, `400`, `ORA-01017`. */
function isErrorCode(value: string): boolean {
  return value.length <= 40 && /^([a-z]*\d{0,8}[\s_.:-]{0,2}){1,8}$/i.test(value) && oddLength(value) < 8
}

/** `refresh token 7c1f…`, `token 'a1b2c3' is unknown`, `token not found: a1b2c3`. */
function* mentionsIn(text: string): Generator<Found> {
  const mention =
    /(?:token|secret|password|assertion|jwt|(?:authorization|auth|device|user)[ _-]code)\b(?:[^.:"'`]{0,40}:)?\s(?:(?:is|was|value)\s)?(["'`(<[]?)([^\s"'`<>()[\],;]+)/gi
  for (const match of text.matchAll(mention)) {
    const [, quote, found = ''] = match
    const value = withoutStop(found)
    const start = match.index + match[0].length - found.length
    const isOdd = uuid.test(value) || oddLength(value) >= 5 || (quote !== '' && value.length >= 6 && !isOrdinary(value))
    if (isOdd && !isReference(text, start)) yield [start, start + value.length - 1]
  }
}

/** Runs with the signs that some vendors put into tokens and nobody into words, such as `v^1.1#i^1#f^0` and `Atza|Iw1`. */
function* markedIn(text: string): Generator<Found> {
  for (const { 0: run, index } of text.matchAll(/[^\s"'`<>&;(){}[\]\\,]{10,}/g)) {
    const isMarked = /[A-Za-z\d][|^!#][A-Za-z\d]/.test(run) && /\d/.test(run) && !run.includes('/')
    if (isMarked) yield [index, index + withoutStop(run).length - 1]
  }
}

/** Long runs of the characters tokens are made of, where no words can be made out. */
function* randomIn(text: string): Generator<Found> {
  for (const { 0: run, index } of text.matchAll(/[^\s"'`<>&;(){}[\]\\]+/g)) {
    const label = /^(?:[A-Za-z_-]{1,40}[:=,]+(?!\/\/))*/.exec(run)?.[0].length ?? 0
    const word = run.slice(label)
    const isPath = /^([a-z][a-z\d+.-]*:\/)?\//i.test(word)
    for (const { 0: found, index: at } of word.matchAll(isPath ? /[^/]+/g : /.+/g)) {
      const part = withoutStop(found)
      const start = index + label + at
      if (isRandom(part) && !isReference(text, start)) yield [start, start + part.length - 1]
    }
  }
}
