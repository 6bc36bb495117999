/** What is done with an answer before the caller gets it: its beginning read, our request hidden. */
import { errorMonitor } from 'node:events'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import type { Config, Response } from './axios-like.js'

/** A header by its lower-case name, whatever the adapter's kind of headers. */
export function header(headers: object | undefined, name: string): string | undefined {
  for (const [key, value] of Object.entries(headers ?? {})) if (key.toLowerCase() === name) return String(value)
  return undefined
}

const maxBeginning = 65_536

/** The first 64 KiB of a body as text. A stream in `response.data` gives way to one that begins at the beginning. */
export async function beginningOf(response: Response): Promise<string> {
  const { data } = response
  if (typeof data === 'string') return data.slice(0, maxBeginning)
  if (data instanceof ArrayBuffer) return textOf(new Uint8Array(data))
  if (ArrayBuffer.isView(data)) return textOf(data)
  if (data instanceof Blob) return data.slice(0, maxBeginning).text()
  if (isNodeStream(data)) return peek(data, whole => (response.data = Readable.from(whole, { objectMode: false })))
  if (isWebStream(data)) return peek(data, whole => (response.data = ReadableStream.from(whole)))
  return data === undefined || data === null ? '' : (JSON.stringify(data) ?? '').slice(0, maxBeginning)
}

type Chunks = AsyncIterable<string | Uint8Array>

/** Reads on as long as the beginning lasts; `handOn` gets what was read and the rest, as if nobody had looked. */
async function peek(stream: Chunks, handOn: (whole: Chunks) => void): Promise<string> {
  const chunks = stream[Symbol.asyncIterator]()
  const read: Promise<IteratorResult<string | Uint8Array>>[] = []
  const whole: AsyncIterableIterator<string | Uint8Array> = {
    next: () => read.shift() ?? chunks.next(),
    return: async () => (await chunks.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => whole,
  }
  const beginning: Uint8Array[] = []
  try {
    for (let size = 0; size < maxBeginning; ) {
      read.push(chunks.next())
      const { done, value } = await (read.at(-1) as (typeof read)[0])
      if (done) break
      beginning.push(Buffer.from(value))
      size += value.length
    }
  } catch {
    // it broke off: whoever reads the body meets the error, at the same place
  }
  handOn(whole)
  return textOf(Buffer.concat(beginning))
}

function textOf({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, Math.min(byteLength, maxBeginning)).toString()
}

function isNodeStream(data: unknown): data is Readable {
  return isObject(data) && 'pipe' in data && Symbol.asyncIterator in data
}

function isWebStream(data: unknown): data is ReadableStream {
  return isObject(data) && 'getReader' in data && Symbol.asyncIterator in data
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Lets go of a body nobody will read, so that its connection is free. */
export function discard(response: Response | undefined): void {
  const data = response?.data
  if (isNodeStream(data)) data.destroy()
  if (isWebStream(data)) data.cancel().catch(() => {})
}

const maxCauses = 10

/**
 * Puts the caller's config back in place of ours, and hides Node's request, which holds the headers as one string: it
 * stays readable, but printing, JSON and loggers that walk the properties no longer meet it.
 */
export function conceal(holder: unknown, config: Config): void {
  for (let each = holder, depth = 0; isObject(each) && depth < maxCauses; each = each.cause, depth++) {
    giveBack(each, config)
    hide(each, 'request')
  }
}

/** As {@link conceal}. A stream has ways of its own to the request, and may fail after it was handed on. */
export function concealResponse(response: Response, config: Config): void {
  const { data, request, config: ours } = response
  if (isObject(ours)) ours.headers = config.headers
  conceal(response, config)
  if (isNodeStream(data)) {
    hide(data, 'req', 'socket', 'client')
    data.on(errorMonitor, error => conceal(error, config))
  } else if (isWebStream(data) && isObject(request)) {
    // an error of a web stream cannot be reached before the caller has it
    hide(request, ...Reflect.ownKeys(request))
    Object.defineProperty(request, inspect.custom, { value: () => '[Request]' })
  }
}

/** Puts a config back where a copy of it went out. */
export function giveBack(holder: unknown, config: Config): void {
  if (isObject(holder) && 'config' in holder) holder.config = config
}

const seenAgents = new WeakSet<object>()

/** An agent of the caller's: its sockets hold the requests under way. */
export function concealAgents({ httpAgent, httpsAgent }: Config): void {
  for (const agent of [httpAgent, httpsAgent]) {
    if (!isObject(agent) || seenAgents.has(agent)) continue
    seenAgents.add(agent)
    hide(agent, 'sockets', 'freeSockets', 'requests')
  }
}

const hidden = { enumerable: false }

function hide(object: object, ...names: (string | symbol)[]): void {
  for (const name of names) if (Object.hasOwn(object, name)) Object.defineProperty(object, name, hidden)
}
