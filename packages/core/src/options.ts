/** Options objects, checked once, when the object they configure is made. */

/** A `TypeError` that names the option it is about: in `option`, and first in its message. */
export interface OptionError extends TypeError {
  /** The same for every wrong option. */
  readonly code: 'ERR_OPTION'
  /** The option as the program names it, `tls.ca` for a member, or the function's name with `()` for a wrong call. */
  readonly option: string
}

/** Makes the `TypeError` for a wrong option; `problem` says what to do and shows no value. */
export function optionError(option: string, problem: string, cause?: unknown): OptionError {
  const error = new TypeError(`${option}: ${problem}`, cause === undefined ? undefined : { cause })
  return Object.assign(error, { code: 'ERR_OPTION' as const, option })
}

/**
 * Refuses what is not an object, every member that is not among `known`, since a misspelt option is not ignored, and every
 * promise: no option takes one.
 */
export function checkOptions(maker: string, options: unknown, known: readonly string[]): void {
  refusePromise(`${maker}()`, options)
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw optionError(`${maker}()`, 'takes one options object')
  checkNames(`${maker}()`, '', options, known)
}

/** The same for an option that has members: each is named with it, as `tls.ca`. */
export function checkMembers(option: string, value: unknown, known: readonly string[]): asserts value is object {
  checkObject(option, value)
  checkNames(option, `${option}.`, value, known)
}

function checkNames(owner: string, prefix: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    const option = `${prefix}${name}`
    refusePromise(option, options[name as keyof typeof options])
    if (!known.includes(name))
      throw optionError(option, `is not an option of ${owner}; ${hintFor(name, prefix, known)}`)
  }
}

function hintFor(name: string, prefix: string, known: readonly string[]): string {
  const meant = known.find(one => unspelt(one) === unspelt(name))
  return meant ? `did you mean ${prefix}${meant}?` : `options are ${known.join(', ')}`
}

/** What is left of a name where it is written in another way: with lines, as several, without its unit. */
function unspelt(name: string): string {
  return name
    .replace(/[_-]/g, '')
    .toLowerCase()
    .replace(/(?:ms|seconds|s)$/, '')
}

/** Refuses a promise where its value belongs. */
export function refusePromise(option: string, value: unknown): void {
  if (isPromise(value)) throw optionError(option, 'is a promise; did you forget await?')
}

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** What is read of a promise by mistake; `enumerable` members are met by a spread and by `new Headers()` too. */
export interface Unawaited {
  readonly members: readonly string[]
  readonly enumerable: boolean
}

/** Has a promise say so when it is taken for what it will bring: plain JavaScript would read `undefined` and go on. */
export function toBeAwaited<Value>(promise: Promise<Value>, call: string, unawaited: Unawaited): Promise<Value> {
  // a promise that is handed out again has learnt it
  for (const member of unawaited.members) if (member in promise) return promise
  // what nobody enumerates need not be the promise's own: it takes four functions for each
  if (unawaited.enumerable) return Object.defineProperties(promise, membersThatSaySo(call, unawaited))
  return Object.setPrototypeOf(promise, prototypeOf(call, unawaited))
}

const prototypes = new Map<string, object>()

function prototypeOf(call: string, unawaited: Unawaited): object {
  let prototype = prototypes.get(call)
  if (prototype === undefined) {
    prototype = Object.create(Promise.prototype, membersThatSaySo(call, unawaited)) as object
    prototypes.set(call, prototype)
  }
  return prototype
}

function membersThatSaySo(call: string, { members, enumerable }: Unawaited): PropertyDescriptorMap {
  const saySo = (member: string) => () => {
    throw optionError(call, `returns a promise, which has no ${member}; did you forget await?`)
  }
  return Object.fromEntries(members.map(member => [member, { get: saySo(member), enumerable }]))
}

/** Refuses anything but a non-empty string. */
export function checkText(option: string, value: unknown): asserts value is string {
  refusePromise(option, value)
  if (typeof value !== 'string') throw optionError(option, `must be a string, got ${kindOf(value)}`)
  if (value === '') throw optionError(option, 'must not be empty')
}

/** Names what may stand there, and the one that was probably meant: the same letters in another order, case or spelling. */
export function oneOf(names: readonly string[], given: unknown): string {
  const letters = (name: string) => [...name.toLowerCase().replace(/[^a-z0-9]/g, '')].sort().join('')
  const meant = names.find(name => letters(name) === letters(String(given)))
  return `one of ${names.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`
}

/** Says of a credential that does not fit that a file's last line break may be why. */
export function lineBreakHint(text: string | undefined): string {
  return lastLineBreak.test(text ?? '') ? ' (it ends with a line break: trim what comes from a file)' : ''
}

/**
 * Refuses a credential that no server can have issued, because something was done to it on the way here.
 *
 * @see RFC 6749 §A.1, §A.2: ids and secrets are printable
 */
export function checkCredential(option: string, value: unknown): asserts value is string {
  checkText(option, value)
  const problem = credentialProblem(value)
  if (problem !== undefined) throw optionError(option, problem)
}

const lastLineBreak = /[\r\n]$/
const byteOrderMark = /^\ufeff/
const unset = /^(undefined|null)$/
const controlCharacter = /\p{Cc}/u

/** What is wrong with a credential, if anything; shows none of it. */
export function credentialProblem(text: string): string | undefined {
  if (lastLineBreak.test(text)) return 'ends with a line break: trim what comes from a file'
  if (byteOrderMark.test(text)) return 'begins with a byte order mark: take it off what comes from a file'
  if (unset.test(text)) return `is the text "${text}": a variable in a template that is not set?`
  return controlCharacter.test(text) ? 'holds a line break or another control character' : undefined
}

/** Refuses anything but a function. */
export function checkFunction(option: string, value: unknown): void {
  refusePromise(option, value)
  if (typeof value !== 'function') throw optionError(option, `must be a function, got ${kindOf(value)}`)
}

/** Refuses anything but `true` and `false`. */
export function checkBoolean(option: string, value: unknown): void {
  if (typeof value !== 'boolean') throw optionError(option, `must be true or false, got ${kindOf(value)}`)
}

/** Refuses anything but an object with members. */
export function checkObject(option: string, value: unknown): asserts value is object {
  refusePromise(option, value)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw optionError(option, `must be an object, got ${Array.isArray(value) ? 'a list' : kindOf(value)}`)
}

/** Refuses anything but a finite number of at least `least`. */
export function checkNumber(option: string, value: unknown, least: number): asserts value is number {
  refusePromise(option, value)
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least)
    throw optionError(option, `must be a finite number of at least ${least}, got ${kindOf(value)}`)
}

/** Refuses anything but a whole number of at least `least`: a parameter of a request that servers read as an integer. */
export function checkWholeNumber(option: string, value: unknown, least: number): asserts value is number {
  checkNumber(option, value, least)
  if (!Number.isSafeInteger(value)) throw optionError(option, 'must be a whole number')
}

/**
 * Refuses what is no absolute URL, and one with a blank in it: parsers take those off, and a server that has it registered
 * compares to the letter. Returns it parsed.
 */
export function checkUrl(option: string, value: unknown): URL {
  checkText(option, value)
  if (/\s/.test(value)) throw optionError(option, 'holds a blank or a line break: trim what comes from a file')
  const url = parseUrl(value)
  if (url === undefined) throw optionError(option, 'must be an absolute URL')
  return url
}

/**
 * Refuses a URL a secret may not be sent to: anything but https, http to the loopback interface excepted.
 * Returns it parsed. User information and a fragment are refused too.
 *
 * @see RFC 6749 §3.2
 */
export function checkSecureUrl(option: string, value: unknown): URL {
  const url = checkUrl(option, value)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname)))
    throw optionError(option, 'must be an https URL (http is allowed to loopback addresses alone)')
  if (url.username !== '' || url.password !== '') throw optionError(option, 'must not contain user information')
  if (url.hash !== '') throw optionError(option, 'must not contain a fragment')
  return url
}

/**
 * A URL from text, relative to `base` if it is given, or `undefined` when it is none. `URL.canParse()` of Node 20 and 22 errs: after some thousand
 * calls, once compiled, it refuses whatever holds a letter such as ü.
 */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}

/** Whether a URL's host is this machine itself. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return typeof value === 'number' ? String(value) : typeof value
}
