/** Faults a test asks for: what goes wrong with the next requests, and how an answer is spoilt. */
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { Answer } from './answer.js'
import type { ReceivedRequest, RequestKind } from './record.js'

/** Something to go wrong. Times are real milliseconds, since sockets know no other. */
export type Fault =
  /** The request is handled at once, its answer sent `ms` later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The request is handled at once, its answer sent when `until` settles: for tests without timers. */
  | { readonly kind: 'hold'; readonly until: PromiseLike<unknown> }
  /** Read, never answered; the connection stays open. */
  | { readonly kind: 'hang' }
  /** The connection is reset after the request was read; with `processed`, after it took effect. */
  | { readonly kind: 'reset'; readonly processed?: boolean }
  /** The next TCP connection is reset before TLS; `on` and `match` do not apply. */
  | { readonly kind: 'reset-before' }
  /** Answered with this status instead of being handled. */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly body?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /**
   * Answered 200 with something unusable: an HTML page (default), JSON cut in half, nothing at all,
   * a good answer under a wrong content type, or JSON 100,000 levels deep (the cut and the mislabelled one take effect first).
   */
  | { readonly kind: 'garbage'; readonly body?: 'html' | 'truncated' | 'empty' | 'wrong-content-type' | 'deep' }
  /** Answered 200 with a JSON body of `bytes`; with `gzip`, that many after decompression. */
  | { readonly kind: 'huge'; readonly bytes: number; readonly gzip?: boolean }
  /** The good answer, its body a byte at a time with `ms` before each. */
  | { readonly kind: 'drip'; readonly ms: number }
  /** Answered with a redirect; 307 unless told. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number }

/** Which requests a fault befalls. */
export interface FaultOptions {
  /** How many requests; default 1. `Infinity` lasts until cancelled. */
  readonly times?: number
  /** Which of them; default all of the kind given by `on`. */
  readonly match?: (request: ReceivedRequest) => boolean
  /** What the requests are for; default the token endpoint. */
  readonly on?: RequestKind
}

interface PendingFault {
  readonly fault: Fault
  readonly options: FaultOptions
  left: number
}

/** The faults waiting at one server. */
export class FaultList {
  readonly #pending: PendingFault[] = []

  /** @returns a function that cancels it */
  add(fault: Fault, options: FaultOptions = {}): () => void {
    checkFault(fault)
    checkOptions(options)
    const entry = { fault, options, left: options.times ?? 1 }
    this.#pending.push(entry)
    return () => this.#drop(entry)
  }

  /** The fault for a connection that has only just been accepted. */
  takeForConnection(): boolean {
    return this.#take(({ fault }) => fault.kind === 'reset-before') !== undefined
  }

  takeFor(request: ReceivedRequest): Fault | undefined {
    return this.#take(
      ({ fault, options: { on = 'token', match } }) =>
        fault.kind !== 'reset-before' && on === request.kind && (!match || match(request)),
    )
  }

  #take(matches: (entry: PendingFault) => boolean): Fault | undefined {
    const entry = this.#pending.find(matches)
    if (!entry) return undefined
    entry.left -= 1
    if (entry.left < 1) this.#drop(entry)
    return entry.fault
  }

  #drop(entry: PendingFault): void {
    const index = this.#pending.indexOf(entry)
    if (index >= 0) this.#pending.splice(index, 1)
  }
}

const isCount = (value: unknown) => typeof value === 'number' && value >= 0 && value < Infinity
const isText = (value: unknown) => typeof value === 'string'
const isStatus = (value: unknown) => Number.isInteger(value) && Number(value) >= 200 && Number(value) <= 599
const isGarbage = (value: unknown) =>
  value === undefined || ['html', 'truncated', 'empty', 'wrong-content-type', 'deep'].includes(value as string)

/** The members a fault of each kind must have right. */
const faultMembers: Readonly<Record<Fault['kind'], Readonly<Record<string, (value: unknown) => boolean>>>> = {
  delay: { ms: isCount },
  hold: { until: value => typeof (value as PromiseLike<unknown> | undefined)?.then === 'function' },
  hang: {},
  reset: {},
  'reset-before': {},
  status: { status: isStatus },
  garbage: { body: isGarbage },
  huge: { bytes: isCount },
  drip: { ms: isCount },
  redirect: { location: isText, status: value => value === undefined || isStatus(value) },
}

const requestKinds: readonly RequestKind[] = [
  'token',
  'api',
  'authorization',
  'pushed-authorization',
  'device-authorization',
  'userinfo',
  'revocation',
  'introspection',
  'registration',
  'jwks',
  'discovery',
  'other',
]

function checkFault(fault: Fault): void {
  const members = Object.hasOwn(faultMembers, String(fault?.kind)) ? faultMembers[fault.kind] : undefined
  if (!members) throw new TypeError(`fail(fault): fault.kind ${String(fault?.kind)} is not known`)
  for (const [name, isRight] of Object.entries(members)) {
    if (!isRight((fault as unknown as Record<string, unknown>)[name])) {
      throw new TypeError(`fail(fault): fault.${name} is missing or wrong for kind ${fault.kind}`)
    }
  }
}

function checkOptions({ times = 1, match, on = 'token' }: FaultOptions): void {
  if (!(times >= 1)) throw new TypeError('fail(fault, options): options.times must be at least 1')
  if (!requestKinds.includes(on))
    throw new TypeError(`fail(fault, options): options.on must be one of ${requestKinds.join(', ')}`)
  if (match !== undefined && typeof match !== 'function') {
    throw new TypeError('fail(fault, options): options.match must be a function')
  }
}

/** What a fault may do with the request it befell. */
export interface FaultContext {
  /** Lets the server do its work. */
  readonly handle: () => Promise<Answer>
  /** Resets the connection. */
  readonly reset: () => void
  /** Ends early when the server stops. */
  readonly wait: (ms: number) => Promise<void>
}

/** Does what the fault says. The answer is still to be sent; undefined means there is none. */
export async function applyFault(fault: Fault, { handle, reset, wait }: FaultContext): Promise<Answer | undefined> {
  switch (fault.kind) {
    case 'delay': {
      const answer = await handle()
      await wait(fault.ms)
      return answer
    }
    case 'hold': {
      const answer = await handle()
      await Promise.resolve(fault.until).catch(() => undefined)
      return answer
    }
    case 'reset':
      if (fault.processed) await handle()
      reset()
      return undefined
    case 'status':
      return { status: fault.status, headers: fault.headers ?? {}, body: fault.body ?? '' }
    case 'redirect':
      return { status: fault.status ?? 307, headers: { location: fault.location }, body: '' }
    case 'garbage':
      return garbage(fault.body ?? 'html', handle)
    case 'huge':
      return huge(fault.bytes, fault.gzip ?? false)
    case 'drip': {
      const answer = await handle()
      return { ...answer, body: Readable.from(drops(String(answer.body ?? ''), () => wait(fault.ms))) }
    }
    default:
      return undefined
  }
}

async function garbage(
  body: NonNullable<Extract<Fault, { kind: 'garbage' }>['body']>,
  handle: () => Promise<Answer>,
): Promise<Answer> {
  const json = { 'content-type': 'application/json' }
  if (body === 'empty') return { status: 200, headers: json, body: '' }
  if (body === 'html') {
    const page = '<!DOCTYPE html><html><body><h1>It works!</h1></body></html>'
    return { status: 200, headers: { 'content-type': 'text/html' }, body: page }
  }
  if (body === 'deep') return { status: 200, headers: json, body: `${'['.repeat(100_000)}${']'.repeat(100_000)}` }
  const answer = await handle()
  if (body === 'truncated') {
    const text = String(answer.body ?? '')
    return { status: 200, headers: json, body: text.slice(0, Math.floor(text.length / 2)) }
  }
  return { ...answer, headers: { ...answer.headers, 'content-type': 'text/html; charset=utf-8' } }
}

function huge(bytes: number, gzip: boolean): Answer {
  const source = Readable.from(paddedJson(bytes))
  const headers = { 'content-type': 'application/json', ...(gzip ? { 'content-encoding': 'gzip' } : {}) }
  return { status: 200, headers, body: gzip ? source.pipe(createGzip()) : source }
}

async function* drops(text: string, pause: () => Promise<void>): AsyncGenerator<Buffer> {
  for (const byte of Buffer.from(text)) {
    await pause()
    yield Buffer.of(byte)
  }
}

function* paddedJson(bytes: number): Generator<Buffer> {
  const [head, tail] = ['{"access_token":"', '","token_type":"Bearer","expires_in":3600}']
  const chunk = Buffer.alloc(65_536, 'a')
  yield Buffer.from(head)
  for (let left = Math.max(0, bytes - head.length - tail.length); left > 0; left -= chunk.length) {
    yield chunk.subarray(0, Math.min(left, chunk.length))
  }
  yield Buffer.from(tail)
}
