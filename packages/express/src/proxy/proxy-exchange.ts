/** One request to the API with its token, and once more where core says so. */
import {
  type Answer,
  type Attachments,
  type Attempt,
  beginningOf,
  discard,
  isRepeatableBody,
  loadUndici,
  type Refused,
  type Sending,
  Trip,
  type Undici,
} from '@grantkit/core/kit'
import type { ProxiedRequest } from './proxied-request.js'
import type { BodyOnward } from './proxy-body.js'
import type { ProxyError } from './proxy-error.js'
import { headersOnward } from './proxy-request.js'

/** Makes what connections to the API are kept by. */
export type AgentOf = (undici: Undici) => InstanceType<Undici['Agent']>

/** An answer of the API's, its body still to be read. */
export type ApiAnswer = Awaited<ReturnType<Undici['request']>>

/** What requests through one proxy have in common. */
export interface Route {
  readonly attachments: Attachments<AgentOf>
  readonly origin: string
  /** In milliseconds: until an answer begins, and between two pieces of it. */
  readonly timeouts: { readonly headersTimeout: number; readonly bodyTimeout: number }
  /** The header that is for the app alone, in small letters; `undefined` where none is asked for. */
  readonly csrfHeader: string | undefined
  /** What the browser is answered with in place of an answer of the API's. */
  failure(error: unknown, method: string): ProxyError
}

/** One request, as it is to be sent. */
export interface Outgoing {
  readonly request: ProxiedRequest
  /** Path and query at the target. */
  readonly path: string
  readonly onward: BodyOnward
  readonly signal: AbortSignal
}

/**
 * The API's answer, whatever it is.
 *
 * @throws what the token source throws; ProxyError `ERR_PROXY_UPSTREAM`, `ERR_PROXY_TIMEOUT`
 */
export async function exchange(route: Route, outgoing: Outgoing): Promise<ApiAnswer> {
  const trip = new Trip(route.attachments, sendingOf(route, outgoing))
  const send = (attempt: Attempt) => sendOnce(route, trip, outgoing, attempt)
  let answer = await send('first')
  while (trip.concerns(asAnswer(answer))) {
    const judged = await judge(trip, answer, isRepeatableBody(outgoing.onward.body))
    if (!judged.again) return judged.answer
    answer = await send('replay')
  }
  return answer
}

/** Nothing of the browser's goes in place of ours: what has our names has been taken off. */
function sendingOf({ origin }: Route, { request, path, signal }: Outgoing): Sending {
  return { method: request.method, url: origin + path, signal, request, has: () => false }
}

async function sendOnce(route: Route, trip: Trip<AgentOf>, outgoing: Outgoing, attempt: Attempt): Promise<ApiAnswer> {
  const { request, path, onward, signal } = outgoing
  const ours = await trip.headersFor(sendingOf(route, outgoing), attempt)
  const agentOf = trip.attachment?.agent as AgentOf
  const headers = headersOnward(request, { ...onward.headers, ...ours }, [route.csrfHeader, ...(onward.dropped ?? [])])
  const method = request.method as 'GET'
  const body = onward.body ?? null
  return agentOf(await loadUndici())
    .request({ origin: route.origin, path, method, headers, body, signal, ...route.timeouts })
    .catch(error => Promise.reject(route.failure(error, method)))
}

/** Whether the request is sent again; if not, the answer with its body as if nobody had looked. */
async function judge(
  trip: Trip<AgentOf>,
  answer: ApiAnswer,
  repeatable: boolean,
): Promise<{ readonly again: boolean; readonly answer: ApiAnswer }> {
  let body: unknown = answer.body
  const refused: Refused = {
    ...asAnswer(answer),
    async body() {
      const { text, whole } = await beginningOf(body, headerOf(answer, 'content-encoding'))
      body = whole
      return text
    },
  }
  try {
    const again = await trip.decide(refused, repeatable)
    if (again) discard(body)
    return { again, answer: { ...answer, body: body as ApiAnswer['body'] } }
  } catch (error) {
    discard(body)
    throw error
  }
}

function asAnswer(answer: ApiAnswer): Answer {
  return { status: answer.statusCode, header: name => headerOf(answer, name) }
}

function headerOf({ headers }: ApiAnswer, name: string): string | undefined {
  return headers[name]?.toString()
}
