/**
 * CIBA's request: the server asks a user on their own device (OpenID Connect Client-Initiated Backchannel Authentication
 * Core 1.0). What they say is waited for by the grant in `ciba.ts`.
 */
import { randomBytes } from 'node:crypto'
import { json } from '../answer-shape.js'
import type { Client } from '../client.js'
import { sendToEndpoint } from '../endpoint.js'
import { checkIsClient } from '../endpoints/check-client.js'
import { signRequest } from '../front-channel/request-object.js'
import { type GrantOptions, grantOptionNames, grantParameters, splitScope } from '../grants/grant.js'
import { checkHasKeys } from '../jwks.js'
import { checkCredential, checkFunction, checkNumber, checkOptions, checkText, optionError } from '../options.js'
import type { Parameters } from '../provider.js'
import { copyForLogs } from '../secret.js'
import type { Signer } from '../signer.js'
import { membersOf } from './answer-members.js'
import type { AuthenticationRequestId } from './ciba.js'

/** Whom to ask for what. One of the three hints is needed, and no more than one. */
export interface BackchannelAuthenticationOptions extends GrantOptions {
  /** What names the user: a phone number, an account, an e-mail address. */
  readonly loginHint?: string | undefined
  /** A token about the user, from elsewhere. */
  readonly loginHintToken?: string | undefined
  /** An ID token that the server has issued about the user. */
  readonly idTokenHint?: string | undefined
  /** Holds `openid`. Default that alone. */
  readonly scope?: string | readonly string[] | undefined
  /** Shown on both devices, so that the user knows what they agree to. */
  readonly bindingMessage?: string | undefined
  /** A code the user has with the server for this. */
  readonly userCode?: string | undefined
  /** How long the user may take, in seconds. Default: the server decides. */
  readonly requestedExpirySeconds?: number | undefined
  /** The authentication contexts asked for, the preferred one first. */
  readonly acrValues?: string | readonly string[] | undefined
  /** Signs the request, where one is asked for: `signer({ key, alg, kid })`, PS256 or ES256 in FAPI. Default: it is not signed. */
  readonly signer?: Signer | undefined
  /** `aud` of a signed request. Default: the issuer. */
  readonly audience?: string | undefined
  /** From now to `exp` of a signed request, in seconds. Default 60. */
  readonly lifetimeSeconds?: number | undefined
}

/** A request that the user has before them. Printing one does not show what the client waits by. */
export class BackchannelAuthentication implements AuthenticationRequestId {
  readonly #authReqId: string
  readonly #notificationToken: string | undefined
  /** When it is over, in epoch milliseconds. */
  readonly expiresAt: number
  /** The least time between two requests, in milliseconds. */
  readonly intervalMs: number

  constructor(members: AuthenticationRequestId) {
    this.#authReqId = members.authReqId
    this.#notificationToken = members.notificationToken
    this.expiresAt = members.expiresAt
    this.intervalMs = members.intervalMs
  }

  /** `auth_req_id`, as the server gave it. Printing shows a short hash instead. */
  get authReqId(): string {
    return this.#authReqId
  }

  /** `client_notification_token`, in ping mode. Printing shows a short hash instead. */
  get notificationToken(): string | undefined {
    return this.#notificationToken
  }

  /** A copy for logs: short hashes stand for what is secret. */
  toJSON(): Record<string, unknown> {
    return copyForLogs(this, { authReqId: this.#authReqId, notificationToken: this.#notificationToken })
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON()
  }
}

/**
 * Has the server ask a user. Redeem `ciba(authentication)`, which waits for what they say.
 *
 * @throws AuthorizationServerError, TransportError, TokenResponseError; ValidationError naming a member of the answer that
 *   does not hold; GrantKitError `ERR_REQUEST_OBJECT` with what the signer threw as cause; TypeError naming the option, or
 *   the endpoint that the metadata lacks
 * @see CIBA Core §7.1, §7.3
 */
export async function requestBackchannelAuthentication(
  client: Client,
  options: BackchannelAuthenticationOptions,
): Promise<BackchannelAuthentication> {
  checkIsClient(client, 'requestBackchannelAuthentication(client, options)')
  checkOptions('requestBackchannelAuthentication', options, optionNames)
  checkRequest(options)
  checkSigner(client, options)
  // its answer is an ID token, whose signature has to be checked: better known before somebody is asked
  checkHasKeys(client)
  const notificationToken = notificationTokenFor(client)
  const parameters = requestParameters(options, notificationToken)
  const requestedAt = client.clock.now()
  return sendToEndpoint(client, {
    endpoint: 'backchannel_authentication_endpoint',
    parameters: async () => signed(client, options, parameters),
    // a second one would ask the user twice
    resend: 'unsent',
    accepts: [json(async ({ body }) => readAuthentication(body, client, { requestedAt, notificationToken }))],
  })
}

const optionNames = [
  ...grantOptionNames,
  'loginHint',
  'loginHintToken',
  'idTokenHint',
  'bindingMessage',
  'userCode',
  'requestedExpirySeconds',
  'acrValues',
  'signer',
  'audience',
  'lifetimeSeconds',
] as const

const hints = ['loginHint', 'loginHintToken', 'idTokenHint'] as const

function checkRequest(options: BackchannelAuthenticationOptions): void {
  const given = hints.filter(name => options[name] !== undefined)
  if (given.length !== 1) throw optionError(given[1] ?? 'loginHint', `give exactly one of ${hints.join(', ')}`)
  for (const name of [...hints, 'userCode'] as const)
    if (options[name] !== undefined) checkCredential(name, options[name])
  const { scope = 'openid', bindingMessage, requestedExpirySeconds, audience, lifetimeSeconds } = options
  if (!splitScope(scope).includes('openid')) throw optionError('scope', 'must hold openid')
  if (bindingMessage !== undefined) checkText('bindingMessage', bindingMessage)
  if (audience !== undefined) checkText('audience', audience)
  if (requestedExpirySeconds !== undefined) checkNumber('requestedExpirySeconds', requestedExpirySeconds, 1)
  if (lifetimeSeconds !== undefined) checkNumber('lifetimeSeconds', lifetimeSeconds, 1)
}

/** What was registered decides whether a request is signed, and how. */
function checkSigner({ metadata }: Client, { signer }: BackchannelAuthenticationOptions): void {
  const { backchannel_authentication_request_signing_alg: registered } = metadata
  if (signer !== undefined) checkFunction('signer.signJwt', Object(signer).signJwt)
  if (registered === undefined || registered === signer?.alg) return
  const given = signer === undefined ? 'none is given' : `this one signs by ${signer.alg}`
  throw optionError('signer', `must sign by ${registered}, as was registered; ${given}`)
}

/** 256 bits, as the registration asks for one (CIBA Core §7.1). */
function notificationTokenFor({ metadata }: Client): string | undefined {
  const { backchannel_token_delivery_mode: mode = 'poll' } = metadata
  if (mode === 'poll') return undefined
  if (mode === 'ping') return randomBytes(32).toString('base64url')
  throw optionError('metadata.backchannel_token_delivery_mode', 'must be poll or ping')
}

function requestParameters(
  options: BackchannelAuthenticationOptions,
  notificationToken: string | undefined,
): Parameters {
  const { scope = 'openid', acrValues, requestedExpirySeconds, loginHint, loginHintToken, idTokenHint } = options
  const own = {
    login_hint: loginHint,
    login_hint_token: loginHintToken,
    id_token_hint: idTokenHint,
    binding_message: options.bindingMessage,
    user_code: options.userCode,
    requested_expiry: requestedExpirySeconds?.toString(),
    acr_values: splitScope(acrValues).join(' ') || undefined,
    client_notification_token: notificationToken,
    request: undefined,
  }
  const { resource, parameters } = options
  return grantParameters({ scope, resource, parameters }, own)
}

/** All parameters go into the signed request, and none beside it (CIBA Core §7.1.1). Signed anew for each attempt. */
async function signed(
  client: Client,
  { signer, audience = client.provider.metadata.issuer, lifetimeSeconds = 60 }: BackchannelAuthenticationOptions,
  parameters: Parameters,
): Promise<Parameters> {
  if (signer === undefined) return parameters
  return { request: (await signRequest(client, { signer, audience, typ: 'JWT', lifetimeSeconds }, parameters)).jwt }
}

function readAuthentication(
  body: unknown,
  client: Client,
  { requestedAt, notificationToken }: { readonly requestedAt: number; readonly notificationToken: string | undefined },
): BackchannelAuthentication {
  const members = membersOf(body, client, requestedAt)
  const authReqId = members.required('auth_req_id', 8_192)
  const { expiresAt, intervalMs } = members
  return new BackchannelAuthentication({ authReqId, expiresAt, intervalMs, notificationToken })
}
