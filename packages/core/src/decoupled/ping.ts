/** CIBA's ping mode: the server tells that the user has answered, and the client asks for the tokens then (CIBA Core §10.2). */
import { timingSafeEqual } from 'node:crypto'
import { decodeText, isObject, parseJson } from '../body.js'
import type { Client } from '../client.js'
import { checkIsClient } from '../endpoints/check-client.js'
import { ValidationError } from '../errors.js'
import type { Grant, PollingOptions, PollSchedule } from '../grants/grant.js'
import { checkFunction, checkObject, checkOptions, toBeAwaited } from '../options.js'
import { sha256 } from '../secret.js'
import { type AuthenticationRequestId, ciba } from './ciba.js'

/** What the server has sent to the client's notification endpoint, as any framework has it. */
export interface PingNotification {
  /** The header `Authorization`. */
  readonly authorization: string | null | undefined
  /** The body: its text, or what a framework has made of that. */
  readonly body: unknown
}

/** Finds what was kept for an `auth_req_id`; `undefined` for none. */
export type FindAuthentication = (
  authReqId: string,
) => AuthenticationRequestId | undefined | Promise<AuthenticationRequestId | undefined>

/**
 * Reads a notification: that it comes from the server that was asked is known by the token it was given with the request.
 *
 * @returns for `redeem()` or `requestTokenSet()`, which ask at once. Answer the notification with 204 before that, or after
 * @throws ValidationError; `check` is `body` (it has no `auth_req_id`), `auth_req_id` (nothing is kept for it) or
 *   `client_notification_token` (it came with another one, or with none): answer these with 401. What `find` throws
 * @see CIBA Core §10.2
 */
export function readPingNotification(
  client: Client,
  find: FindAuthentication,
  notification: PingNotification,
  options: PollingOptions = {},
): Promise<Grant> {
  const grant = read(client, find, notification, options)
  return toBeAwaited(grant, 'readPingNotification()', { members: ['grantType', 'parameters'], enumerable: false })
}

async function read(
  client: Client,
  find: FindAuthentication,
  notification: PingNotification,
  options: PollingOptions,
): Promise<Grant> {
  checkIsClient(client, 'readPingNotification(client, find, { authorization, body })')
  checkFunction('find', find)
  checkOptions('readPingNotification', notification, ['authorization', 'body'])
  const invalid = (check: string, problem: string) =>
    new ValidationError(check, problem, { provider: client.provider.name })
  const authReqId = authReqIdIn(notification.body)
  if (authReqId === undefined) throw invalid('body', 'of the notification is no JSON object with an auth_req_id')
  const authentication = await find(authReqId)
  if (authentication === undefined) throw invalid('auth_req_id', 'of the notification is none that is waited for')
  checkObject('authentication', authentication)
  if (authentication.authReqId !== authReqId) throw invalid('auth_req_id', 'of the notification is of another request')
  if (!isSame(bearerTokenIn(notification.authorization), authentication.notificationToken))
    throw invalid('client_notification_token', 'of the notification is not the one that was sent with the request')
  const grant = ciba(authentication, options)
  return { ...grant, polled: { ...(grant.polled as PollSchedule), firstAfterMs: 0 } }
}

/** A notification is an id and nothing else. */
const mostCharacters = 65_536

function authReqIdIn(body: unknown): string | undefined {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  if (isRaw && body.length > mostCharacters) return undefined
  const read = isRaw ? parseJson(decodeText(body)) : body
  const id = isObject(read) ? read.auth_req_id : undefined
  return typeof id === 'string' && id !== '' && id.length <= 8_192 ? id : undefined
}

/** RFC 6750 §2.1. */
function bearerTokenIn(authorization: unknown): string | undefined {
  return typeof authorization === 'string' ? /^bearer +([\w.~+/-]+=*)$/i.exec(authorization)?.[1] : undefined
}

/** Takes as long for any token: hashes are compared. */
function isSame(came: string | undefined, expected: string | undefined): boolean {
  if (came === undefined || expected === undefined) return false
  return timingSafeEqual(Buffer.from(sha256(came)), Buffer.from(sha256(expected)))
}
