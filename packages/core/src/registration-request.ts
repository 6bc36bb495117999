/** What a registration asks for, as JSON (RFC 7591 §3.1) or as a JWT that the software's own key has signed. */
import { randomUUID } from 'node:crypto'
import { isObject } from './body.js'
import type { RegistrationMetadata } from './client-metadata.js'
import { serverMembers } from './client-registration.js'
import { msToSeconds } from './clock.js'
import type { Connection } from './connection.js'
import type { EndpointRequest } from './endpoint-request.js'
import { GrantKitError } from './errors.js'
import { checkObject, checkOptions, checkText, optionError } from './options.js'
import type { Provider } from './provider.js'
import type { Signer } from './signer.js'

/** What is asked for, and who vouches for it. */
export interface RegistrationRequestOptions {
  /**
   * What is to be registered, by its names in RFC 7591 §2. Members that are `undefined` are not sent, nor those that only a server may say, such as
   * `registration_access_token`.
   */
  readonly metadata: RegistrationMetadata
  /** A JWT in which somebody the server trusts says what the software is, such as a directory's SSA. @see RFC 7591 §2.3 */
  readonly softwareStatement?: string | undefined
  /** Sends all of it as one JWT, as open banking does. Needed where the provider takes nothing else. Default: JSON. */
  readonly signed?: SignedRegistrationOptions | undefined
}

/** How a registration request is signed. */
export interface SignedRegistrationOptions {
  /** Signs it: what `signer({ key, alg, kid })` made, with the key that the directory knows the software by. */
  readonly signer: Signer
  /** `iss`: the software's id in the directory. */
  readonly issuer: string
  /** `aud`. Default: the provider's, else the issuer of the server. */
  readonly audience?: string | undefined
}

export const registrationRequestOptionNames = ['metadata', 'softwareStatement', 'signed'] as const

/**
 * Refuses what nobody should send.
 *
 * @throws TypeError naming the option
 */
export function checkRegistrationRequest(options: RegistrationRequestOptions, { name, conform }: Provider): void {
  const { metadata, softwareStatement, signed } = options
  checkObject('metadata', metadata)
  checkHoldsNoKey(metadata.jwks)
  writeJson(metadata)
  if (softwareStatement !== undefined) checkText('softwareStatement', softwareStatement)
  if (signed === undefined) {
    if (conform.registration?.signed) throw optionError('signed', `is needed: ${name} takes signed requests alone`)
    return
  }
  checkOptions('signed', signed, ['signer', 'issuer', 'audience'])
  if (typeof Object(signed.signer).signJwt !== 'function')
    throw optionError('signed.signer', 'must come from signer({ key, alg, kid })')
  checkText('signed.issuer', signed.issuer)
  if (signed.audience !== undefined) checkText('signed.audience', signed.audience)
}

/** Whoever registers a key pair has lost it. */
function checkHoldsNoKey(jwks: unknown): void {
  const keys: unknown = Object(jwks).keys
  if (!Array.isArray(keys)) return
  if (keys.some(key => isObject(key) && ('d' in key || 'k' in key)))
    throw optionError('metadata.jwks', 'holds a private key; register the public half (kty, n, e or crv, x, y)')
}

function writeJson(members: object): string {
  try {
    return JSON.stringify(members)
  } catch {
    throw optionError('metadata', 'must be what JSON can hold')
  }
}

/** The part of a request that says what is asked for; signed anew for each attempt, since a server may take a `jti` once. */
export type RegistrationBody = Pick<EndpointRequest<unknown>, 'parameters' | 'encode'>

/**
 * Writes the request, with options that were checked.
 *
 * @param own members that the protocol puts there, such as `client_id`; they win
 */
export function registrationBody(
  connection: Pick<Connection, 'provider' | 'clock'>,
  { metadata, softwareStatement, signed }: RegistrationRequestOptions,
  own: Readonly<Record<string, string>> & { readonly contentType: string },
): RegistrationBody {
  const { contentType, ...protocol } = own
  const statement = softwareStatement === undefined ? {} : { software_statement: softwareStatement }
  const asked = Object.entries(metadata).filter(([name]) => !serverMembers.includes(name))
  const members = { ...Object.fromEntries(asked), ...statement, ...protocol }
  if (signed === undefined) {
    const body = writeJson(members)
    return { encode: () => ({ contentType: 'application/json', body }) }
  }
  return {
    parameters: async () => ({ request: await signMembers(connection, signed, members) }),
    encode: ({ request }) => ({ contentType, body: String(request) }),
  }
}

async function signMembers(
  { provider, clock }: Pick<Connection, 'provider' | 'clock'>,
  { signer, issuer, audience }: SignedRegistrationOptions,
  members: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { typ = 'JWT', lifetimeSeconds = 300, ...rules } = provider.conform.registration ?? {}
  const now = msToSeconds(clock.now())
  const aud = audience ?? rules.audience ?? provider.metadata.issuer
  const claims = { ...members, iss: issuer, aud, jti: randomUUID(), iat: now, exp: now + lifetimeSeconds }
  try {
    return await signer.signJwt({ typ }, claims)
  } catch (cause) {
    const known = { provider: provider.name, retryable: true, neverSent: true, cause }
    throw new GrantKitError('ERR_REQUEST_OBJECT', 'the registration request could not be signed', known)
  }
}
