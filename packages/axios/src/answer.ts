/** What is done with an answer before the caller gets it: shown to core, its config given back, our request hidden. */
import { errorMonitor } from 'node:events'
import { inspect } from 'node:util'
import { beginningOf, concealRequest, hide, isNodeStream, isWebStream, type Refused } from '@grantkit/core/kit'
import type { Config, Response } from './axios-like.js'

/** An answer for core. A stream in `response.data` whose beginning was read gives way to one that begins at the beginning. */
export class Answered implements Refused {
  readonly #response: Pick<Response, 'status' | 'headers' | 'data'>

  constructor(response: Pick<Response, 'status' | 'headers' | 'data'>) {
    this.#response = response
  }

  get status(): number {
    return this.#response.status
  }

  header(name: string): string | undefined {
    return header(this.#response, name)
  }

  async body(): Promise<string> {
    const { text, whole } = await beginningOf(this.#response.data)
    if (whole !== this.#response.data) this.#response.data = whole
    return text
  }
}

/** A header by its lower-case name, whatever the adapter's kind of headers. */
export function header({ headers = {} }: Pick<Response, 'headers'>, name: string): string | undefined {
  for (const [key, value] of Object.entries(headers)) if (key.toLowerCase() === name) return String(value)
  return undefined
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

const maxPipes = 3

/** A body that is a stream keeps the way to the request it went into, by follow-redirects and axios's own streams or not. */
export function concealBody(data: unknown, depth = 0): void {
  if (!isNodeStream(data) || depth === maxPipes) return
  const { pipes } = (data as { readonly _readableState?: { readonly pipes?: unknown } })._readableState ?? {}
  for (const pipe of [pipes].flat()) {
    hide(pipe, '_options', '_currentRequest')
    concealRequest(pipe)
    concealBody(pipe, depth + 1)
  }
}

/** Puts a config back where a copy of it went out. */
export function giveBack(holder: unknown, config: Config): void {
  if (isObject(holder) && 'config' in holder) holder.config = config
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
