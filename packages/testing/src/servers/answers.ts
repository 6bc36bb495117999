/** What recording servers answer. */
import type { AuthorizationServer } from './authorization-server.js'
import type { Handler } from './recording-server.js'

/** Answers with this body, as it is. */
export function answer(
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Handler {
  const length = { 'content-length': String(Buffer.byteLength(body)) }
  return (_, response) => void response.writeHead(status, { ...length, ...headers }).end(body)
}

/** Answers with JSON. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Handler {
  return answer(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers })
}

/** 200. */
export const ok = json(200, { ok: true })
/** What {@link ok} says. */
export const okBody = '{"ok":true}'

/** Leads elsewhere. */
export function redirect(status: number, location: string): Handler {
  return answer(status, '', { location })
}

/** Answers each request by the one whose turn it is, all that follow by the last. */
export function inTurn(...handlers: readonly [Handler, ...Handler[]]): Handler {
  return (request, response) => (handlers[request.number - 1] ?? (handlers.at(-1) as Handler))(request, response)
}

/** Answers by path; what has no handler gets 404. */
export function byPath(handlers: Readonly<Record<string, Handler>>): Handler {
  return (request, response) => (handlers[request.url] ?? json(404, {}))(request, response)
}

/** Refuses, with a challenge (RFC 9110 §11.6.1). */
export function refusal(status: number, challenge: string): Handler {
  return json(status, {}, { 'www-authenticate': challenge })
}

/** A gateway's answer to a token it does not take (RFC 6750 §3.1). */
export const invalidToken = json(
  401,
  { fault: 'Invalid Credentials' },
  { 'www-authenticate': 'Bearer realm="api", error="invalid_token"' },
)
/** What {@link invalidToken} says. */
export const invalidTokenBody = '{"fault":"Invalid Credentials"}'

/** Takes one token and no other. */
export function accepting(token: string, handler: Handler = ok, otherwise: Handler = invalidToken): Handler {
  return (request, response) =>
    (request.headers.authorization === `Bearer ${token}` ? handler : otherwise)(request, response)
}

/** Takes no token but the second that a server issues: what an API does after the first was revoked. */
export function acceptingSecond(server: AuthorizationServer, handler?: Handler, otherwise?: Handler): Handler {
  return accepting(server.token(2), handler, otherwise)
}

/** Never answers. */
export const silent: Handler = () => {}
