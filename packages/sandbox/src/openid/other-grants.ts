/** Grants beside the code: the client's own token, token exchange (RFC 8693), and device code (RFC 8628). */
import { randomBytes } from 'node:crypto'
import { type Answer, json } from '../answer.js'
import type { ReceivedRequest } from '../record.js'
import { authenticateClient } from './client-authentication.js'
import { type Authorization, type OpenidProvider, refuse } from './openid-provider.js'

/** A device whose user is still to come. */
export interface WaitingDevice {
  readonly authorization: Authorization
  readonly expiresAt: number
  /** How often it has asked. */
  polls: number
}

type GrantHandler = (provider: OpenidProvider, request: ReceivedRequest) => Authorization

/** By `grant_type`. */
export const otherGrants: Readonly<Record<string, GrantHandler>> = {
  client_credentials: byClient,
  'urn:ietf:params:oauth:grant-type:token-exchange': byToken,
  'urn:ietf:params:oauth:grant-type:device_code': byDevice,
}

function byClient(provider: OpenidProvider, { parameters }: ReceivedRequest): Authorization {
  return { ...authorizationOf(provider, parameters.scope ?? ''), subject: provider.clientId, isRenewable: false }
}

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

function byToken(provider: OpenidProvider, { parameters }: ReceivedRequest): Authorization {
  const {
    subject_token: token,
    subject_token_type: type,
    requested_token_type: requested = accessTokenType,
  } = parameters
  if (!token || !type) refuse(400, 'invalid_request', 'subject_token and subject_token_type are due')
  if (type !== accessTokenType || requested !== accessTokenType)
    refuse(400, 'invalid_request', 'nothing but access tokens is exchanged')
  const held = provider.tokens.findActive(token, provider.clock.now())
  if (!held) return refuse(400, 'invalid_request', 'the subject token is dead')
  const scope = parameters.scope ?? held.scope
  const authorization = authorizationOf(provider, scope)
  return {
    ...authorization,
    subject: held.subject,
    isRenewable: false,
    members: { issued_token_type: accessTokenType },
  }
}

function byDevice(provider: OpenidProvider, { parameters }: ReceivedRequest): Authorization {
  const { clock, devices, settings } = provider
  const device = devices.get(parameters.device_code ?? '')
  if (!device) return refuse(400, 'invalid_grant', 'the device code is dead')
  if (device.expiresAt <= clock.now()) refuse(400, 'expired_token', 'nobody came')
  if (device.polls++ < settings.devicePolls) refuse(400, 'authorization_pending', 'nobody has come yet')
  devices.delete(parameters.device_code ?? '')
  return { ...device.authorization, authenticatedAt: clock.now() }
}

/** `/device_authorization` (RFC 8628 §3.2): the logged-in user agrees once the device has asked `devicePolls` times. */
export function answerDeviceAuthorization(provider: OpenidProvider, request: ReceivedRequest): Answer {
  authenticateClient(provider, request)
  const { clock, devices, issuer, settings } = provider
  const deviceCode = randomBytes(24).toString('base64url')
  const userCode = randomBytes(4).toString('hex').toUpperCase()
  const authorization = authorizationOf(provider, request.parameters.scope ?? '')
  devices.set(deviceCode, { authorization, polls: 0, expiresAt: clock.now() + settings.deviceLifetimeSeconds * 1000 })
  const body = {
    device_code: deviceCode,
    user_code: userCode,
    verification_uri: `${issuer}/device`,
    verification_uri_complete: `${issuer}/device?user_code=${userCode}`,
    expires_in: settings.deviceLifetimeSeconds,
    interval: 1,
  }
  return json(200, body, { 'cache-control': 'no-store' })
}

function authorizationOf({ clock, settings }: OpenidProvider, scope: string): Authorization {
  return { subject: settings.subject, scope, parameters: {}, authenticatedAt: clock.now(), keyThumbprint: undefined }
}
