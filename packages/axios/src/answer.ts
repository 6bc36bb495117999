/** What is done with an answer before the caller gets it: its beginning read, our request hidden. */
import { errorMonitor } from 'node:events'
import type { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { beginningOf } from '@grantkit/core/kit'
import type { Config, Response } from './axios-like.js'

/** A header by its lower-case name, whatever the adapter's kind of headers. */
export function header(headers: object | undefined, name: string): string | undefined {
  for (const [key, value] of Object.entries(headers ?? {})) if (key.toLowerCase() === name) return String(value)
  return undefined
}

/** The beginning of a body as text. A stream in `response.data` gives way to one that begins at the beginning. */
export async function readBeginning(response: Response): Promise<string> {
  const { text, whole } = await beginningOf(response.data)
  if (whole !== response.data) response.data = whole
  return text
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
