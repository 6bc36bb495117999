/** Device code: a user agrees in a browser elsewhere, and types a code there (RFC 8628). */
import { json } from '../answer-shape.js'
import type { Client } from '../client.js'
import { sendToEndpoint } from '../endpoint.js'
import { checkIsClient } from '../endpoints/check-client.js'
import { validateIdTokenOf } from '../front-channel/id-token.js'
import {
  type Grant,
  type GrantContext,
  type GrantOptions,
  grantOptionNames,
  grantParameters,
  type PollingOptions,
} from '../grants/grant.js'
import { checkCredential, checkObject, checkOptions, checkSecureUrl } from '../options.js'
import { scheduleOf } from '../polling.js'
import { copyForLogs, sha256 } from '../secret.js'
import type { TokenSet } from '../token-set.js'
import { membersOf } from './answer-members.js'

/** What is asked for on behalf of a user who is still to come. */
export type DeviceAuthorizationOptions = GrantOptions

/** What a device waits by. */
export interface DeviceCode {
  /** `device_code`: a secret of this device. */
  readonly deviceCode: string
  /** When it is over, in epoch milliseconds. */
  readonly expiresAt: number
  /** The least time between two requests, in milliseconds. */
  readonly intervalMs: number
}

/** What the user is shown, and what the device waits by. Printing one does not show the device code. */
export class DeviceAuthorization implements DeviceCode {
  readonly #deviceCode: string
  /** What the user types. */
  readonly userCode: string
  /** Where: an https URL. */
  readonly verificationUri: string
  /** The same with the code in it, for a link or a QR code; `undefined` when the server names none. */
  readonly verificationUriComplete: string | undefined
  /** When it is over, in epoch milliseconds. */
  readonly expiresAt: number
  /** The least time between two requests, in milliseconds. */
  readonly intervalMs: number

  constructor(members: Omit<DeviceAuthorization, 'toJSON'>) {
    this.#deviceCode = members.deviceCode
    this.userCode = members.userCode
    this.verificationUri = members.verificationUri
    this.verificationUriComplete = members.verificationUriComplete
    this.expiresAt = members.expiresAt
    this.intervalMs = members.intervalMs
  }

  /** `device_code`, as the server gave it. Printing shows a short hash instead. */
  get deviceCode(): string {
    return this.#deviceCode
  }

  /** A copy for logs: a short hash stands for the device code. */
  toJSON(): Record<string, unknown> {
    return copyForLogs(this, { deviceCode: this.#deviceCode })
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON()
  }
}

/**
 * Begins a login on another device. Show the user the code and the URL, and redeem `deviceCode(authorization)`.
 *
 * @throws AuthorizationServerError, TransportError, TokenResponseError; ValidationError naming a member of the answer that
 *   does not hold; TypeError naming the option, or the endpoint that the metadata lacks
 * @see RFC 8628 §3.1, §3.2
 */
export async function requestDeviceAuthorization(
  client: Client,
  options: DeviceAuthorizationOptions = {},
): Promise<DeviceAuthorization> {
  checkIsClient(client, 'requestDeviceAuthorization(client, options)')
  checkOptions('requestDeviceAuthorization', options, grantOptionNames)
  const parameters = grantParameters(options)
  const requestedAt = client.clock.now()
  return sendToEndpoint(client, {
    endpoint: 'device_authorization_endpoint',
    parameters: () => parameters,
    resend: 'always',
    accepts: [json(async ({ body }) => readDeviceAuthorization(body, client, requestedAt))],
  })
}

/** What a user can type and a terminal can show. */
const showable = /^[^\p{C}]+$/u

function readDeviceAuthorization(body: unknown, client: Client, requestedAt: number): DeviceAuthorization {
  const members = membersOf(body, client, requestedAt)
  const uri = (name: string) => {
    const text = members.text(name, 2_048)
    if (text !== undefined && !isSecureUrl(text)) throw members.invalid(name, 'is no https URL to send a user to')
    return text
  }
  // Google's server calls it verification_url
  const verificationUri = uri('verification_uri') ?? uri('verification_url')
  if (verificationUri === undefined) throw members.invalid('verification_uri', 'is missing')
  return new DeviceAuthorization({
    deviceCode: members.required('device_code', 8_192),
    userCode: members.required('user_code', 255, showable),
    verificationUri,
    verificationUriComplete: uri('verification_uri_complete'),
    expiresAt: members.expiresAt,
    intervalMs: members.intervalMs,
  })
}

function isSecureUrl(text: string): boolean {
  try {
    checkSecureUrl('url', text)
    return true
  } catch {
    return false
  }
}

/** How a device waits, and what is asked for beside. */
export interface DeviceCodeOptions extends PollingOptions, Pick<GrantOptions, 'resource' | 'parameters'> {}

/**
 * Waits until the user has agreed: for `redeem()` or `requestTokenSet()`, which ask at the server's interval, slower when it
 * says so, until the code is over. An ID token that comes with the tokens is checked, where the server's keys are known.
 *
 * @throws TypeError naming the option
 * @see RFC 8628 §3.4, §3.5
 */
export function deviceCode(authorization: DeviceCode, options: DeviceCodeOptions = {}): Grant {
  checkObject('authorization', authorization)
  checkOptions('deviceCode', options, ['resource', 'parameters', 'signal', 'wait'])
  const { deviceCode: code } = authorization
  checkCredential('authorization.deviceCode', code)
  const { resource, parameters: more } = options
  const parameters = grantParameters({ resource, parameters: more }, { device_code: code })
  return {
    grantType: 'urn:ietf:params:oauth:grant-type:device_code',
    identity: { ...parameters, device_code: sha256(code) },
    parameters: () => parameters,
    resend: 'unsent',
    singleUse: true,
    polled: scheduleOf('authorization', authorization, options),
    validate: checkIdToken,
  }
}

/** There was no browser of ours, so no nonce either. */
async function checkIdToken(tokenSet: TokenSet, { client }: GrantContext): Promise<void> {
  if (tokenSet.idToken === undefined || client.provider.metadata.jwks_uri === undefined) return
  await validateIdTokenOf(tokenSet, client, {})
}
