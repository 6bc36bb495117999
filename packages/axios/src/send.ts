/** One request: which source it belongs to, what it carries, and whether it is sent once more. */
import type { TokenSource } from '@grantkit/core'
import {
  type Attached,
  attach,
  isRepeatableBody,
  leadsToSocket,
  type Origins,
  optionError,
  socketError,
  uncachedRequest,
} from '@grantkit/core/kit'
import { conceal, concealAgents, concealResponse, discard, giveBack, header, readBeginning } from './answer.js'
import type { Adapter, Config, Response, Workings } from './axios-like.js'
import { keepFromCache } from './caching.js'
import { beforeRedirect, type Cargo, fetchOptionsOf, nextStep, type Step } from './redirects.js'

/** A token source, and where its tokens go. */
export interface Attachment {
  readonly source: TokenSource | ((config: never) => TokenSource | Promise<TokenSource>)
  readonly origins: Origins
  readonly otherOrigins: 'refuse' | 'pass-through'
  /** Presents the client certificate. */
  readonly agent: object | undefined
}

/** An answer, or what came instead; a status that axios rejects is both. */
interface Outcome {
  readonly response?: Response | undefined
  readonly error?: unknown
  /** A redirect led elsewhere: the answer is of a server that never saw the token. */
  strayed?: boolean
}

/** An instance with sources attached. */
export interface Attachments extends Workings {
  readonly all: ReadonlySet<Attachment>
}

/** Sends a request; stands in for the instance's adapter. axios has two ways to cancel, core knows one. */
export function send(attachments: Attachments, config: Config): Promise<Response> {
  const { cancelToken, signal } = config
  if (!cancelToken) return sendUntil(signal, attachments, config)
  const controller = new AbortController()
  const cancel = () => controller.abort()
  cancelToken.subscribe(cancel)
  const either = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
  return sendUntil(either, attachments, config).finally(() => cancelToken.unsubscribe(cancel))
}

async function sendUntil(signal: AbortSignal | undefined, attachments: Attachments, config: Config): Promise<Response> {
  const { all, join, dispatch } = attachments
  const url = join(config)
  const attachment = leadsToSocket(config, config.httpAgent, config.httpsAgent) ? noneFor(all) : find(all, url)
  if (attachment === undefined) return passedThrough(await outcomeOf(dispatch(config)), config)
  const attached = await attachTo(config, attachment, url, signal)
  const trip = (headers: Attached['headers']) =>
    exchange(dispatch, { config, url }, cargoOf(attachment, attached, headers, config))
  const first = await trip(attached.headers)
  if (!isConcern(attached, first)) return concealed(first, config)
  const headers = await decide(attached, first, config)
  if (headers === undefined) return concealed(first, config)
  discard(first.response)
  const second = await trip(headers)
  if (isConcern(attached, second)) await decide(attached, second, config)
  return concealed(second, config)
}

/** @throws OriginError unless requests without a token may go to a socket of this machine */
function noneFor(all: ReadonlySet<Attachment>): undefined {
  for (const { otherOrigins } of all) if (otherOrigins === 'refuse') throw socketError()
}

/** @throws OriginError when no source is attached for this URL and one of them refuses other origins */
function find(all: ReadonlySet<Attachment>, url: string): Attachment | undefined {
  for (const attachment of all) if (attachment.origins.has(url)) return attachment
  for (const { origins, otherOrigins } of all) if (otherOrigins === 'refuse') origins.check(url)
  return undefined
}

function attachTo(
  config: Config,
  { source, origins, agent }: Attachment,
  url: string,
  signal: AbortSignal | undefined,
): Attached | Promise<Attached> {
  if (agent !== undefined) checkPresentable(config)
  concealAgents(config)
  if (bringsOwn(config, url)) return withoutToken(origins)
  keepFromCache(config)
  const request = { method: (config.method ?? 'get').toUpperCase(), url, signal }
  if (typeof source !== 'function') return attach(source, origins, request)
  return chosen(source, config).then(one => attach(one, origins, request))
}

/** Where the token of a request comes from, as far as its config tells by now; `undefined` where it will have none. */
export function sourceOf({ all, join }: Attachments, config: Config): (() => Promise<TokenSource>) | undefined {
  const url = join(config)
  if (leadsToSocket(config, config.httpAgent, config.httpsAgent)) return undefined
  for (const { origins, source } of all)
    if (origins.has(url) && !bringsOwn(config, url))
      return async () => (typeof source === 'function' ? chosen(source, config) : source)
  return undefined
}

type ChooseSource = Extract<Attachment['source'], (config: never) => unknown>

async function chosen(choose: ChooseSource, config: Config): Promise<TokenSource> {
  const source = await choose(config as never)
  if (typeof source?.getTokenSet === 'function') return source
  throw optionError('source', 'must return a token source; send Authorization: false for a request without a token')
}

/** @throws TypeError where nobody would notice that the certificate stays at home */
function checkPresentable({ adapter, httpVersion }: Config): void {
  const names = [adapter].flat()
  if (names[0] === 'fetch') throw optionError('tls', "needs axios's http adapter; fetch takes no client certificate")
  if (Number(httpVersion ?? 1) !== 1) throw optionError('tls', 'needs HTTP/1.1; axios takes no agent for HTTP/2')
}

function bringsOwn({ headers, auth }: Config, url: string): boolean {
  return Boolean(auth) || headers?.has('authorization') || (url.includes('@') && hasUserInformation(new URL(url)))
}

function hasUserInformation({ username, password }: URL): boolean {
  return username !== '' || password !== ''
}

/** For a request with a credential of its own: nothing is added or decided; the certificate keeps to its origins. */
function withoutToken(origins: Origins): Attached {
  let strayed = false
  return {
    headers: {},
    allows(url) {
      strayed ||= !origins.has(url)
      return !strayed
    },
    concerns: () => false,
    replay: async () => undefined,
  }
}

function cargoOf({ agent }: Attachment, attached: Attached, given: Attached['headers'], { headers }: Config): Cargo {
  const cargo = {
    headers: {} as Record<string, string>,
    agent,
    strayed: false,
    allows(url: string | URL) {
      cargo.strayed = !attached.allows(url)
      return !cargo.strayed
    },
  }
  for (const [name, value] of Object.entries(given)) if (!headers.has(name)) cargo.headers[name.toLowerCase()] = value
  return cargo
}

/** Sends, and follows where the adapter leaves that to us. */
async function exchange(dispatch: Adapter, start: Step, cargo: Cargo): Promise<Outcome> {
  let step = start
  for (let hops = 0; ; hops++) {
    const outcome = await outcomeOf(dispatch(loaded(step, cargo)))
    const next = nextStep(step, outcome.response, hops)
    outcome.strayed = cargo.strayed
    if (next === undefined) return outcome
    discard(outcome.response)
    step = next
  }
}

function outcomeOf(sent: Promise<Response>): Promise<Outcome> {
  return sent.then(
    response => ({ response }),
    error => ({ error, response: error?.response }),
  )
}

/**
 * The config an adapter gets: the caller's, with our headers on it. What was checked is what is requested: the joined
 * URL stands in for its parts, except for an adapter of the caller's own, which may go by the parts.
 */
function loaded({ config, url }: Step, cargo: Cargo): Config {
  const allowed = cargo.allows(url)
  const copy = copyOf(config)
  if (typeof config.adapter !== 'function') Object.assign(copy, { url, baseURL: undefined })
  if (allowed && cargo.agent !== undefined) copy.httpsAgent = cargo.agent
  copy.headers = config.headers.concat(allowed ? cargo.headers : undefined)
  if (allowed && 'authorization' in cargo.headers && !copy.headers.has('cache-control') && mayKeep(config))
    copy.headers = copy.headers.concat(uncachedRequest)
  copy.beforeRedirect = beforeRedirect(config, cargo)
  copy.fetchOptions = fetchOptionsOf(config)
  return copy
}

/** An adapter of the caller's may have a cache, and so may the dispatcher beneath fetch; Node's http has none. */
function mayKeep({ adapter }: Config): boolean {
  const [first] = [adapter].flat()
  return typeof first === 'function' || first === 'fetch'
}

/** axios's configs have no prototype, and spreading such an object takes several times as long as this. */
function copyOf(config: Config): { -readonly [Name in keyof Config]: Config[Name] } {
  const copy = Object.create(Object.getPrototypeOf(config))
  for (const name of Object.keys(config)) copy[name] = config[name as keyof Config]
  return copy
}

function isConcern(attached: Attached, { response, strayed }: Outcome): boolean {
  return response !== undefined && !strayed && attached.concerns(response.status)
}

/** The headers to send the request once more with, if it is to be. */
async function decide(attached: Attached, { response }: Outcome, { data }: Config) {
  if (response === undefined) return undefined
  const { status, headers } = response
  const answer = { status, wwwAuthenticate: header(headers, 'www-authenticate'), body: () => readBeginning(response) }
  try {
    return await attached.replay(answer, isRepeatableBody(data))
  } catch (error) {
    discard(response)
    throw error
  }
}

function concealed(outcome: Outcome, config: Config): Response {
  if (outcome.response !== undefined) concealResponse(outcome.response, config)
  conceal(outcome.error, config)
  return resultOf(outcome)
}

function passedThrough(outcome: Outcome, config: Config): Response {
  giveBack(outcome.error, config)
  giveBack(outcome.response, config)
  return resultOf(outcome)
}

function resultOf(outcome: Outcome): Response {
  if ('error' in outcome) throw outcome.error
  return outcome.response as Response
}
