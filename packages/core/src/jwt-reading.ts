/** A JWT of the server's while it is looked at: whose it is, what it has to be, and how an error names it. */
import { isObject, parseJson } from './body.js'
import type { Client } from './client.js'
import type { ResponseKind } from './client-metadata.js'
import { ValidationError } from './errors.js'
import { shownValue } from './shown-value.js'

/** A JWT that has come. */
export interface ReceivedJwt {
  /** Whom it has come to. */
  readonly client: Client
  /** As a message names it, such as `ID token`. */
  readonly what: string
  /** What may stand in no message, should the server repeat it. Default: nothing but what looks like a token. */
  readonly secrets?: readonly (string | undefined)[] | undefined
}

/** What a JWT has to be. */
export interface ExpectedJwt extends Omit<ReceivedJwt, 'client'> {
  /** By which registration it is signed and encrypted. */
  readonly kind: ResponseKind
  /**
   * The `typ` it must have, such as `token-introspection+jwt`, in small letters; or those it may have, `undefined` among them
   * where it may have none. Default: any but that of another kind of JWT.
   */
  readonly typ?: string | readonly (string | undefined)[] | undefined
}

/** A JWT that is being read. */
export type JwtReading = ReceivedJwt & ExpectedJwt

/** The error for what does not hold. */
export function invalidJwt({ client, what }: ReceivedJwt, check: string, problem: string): ValidationError {
  return new ValidationError(check, `the ${what} ${problem}`, { provider: client.provider.name })
}

/** A value of the JWT, as a message may show it. */
export function shownOf({ client, secrets }: ReceivedJwt, value: unknown): string {
  return shownValue(value, { secrets, open: [client.id, client.provider.metadata.issuer] })
}

/**
 * A part of it, decoded from base64url.
 *
 * @param name as a message names the part
 */
export function objectIn(reading: ReceivedJwt, part: string, name: string): Record<string, unknown> {
  const value = parseJson(Buffer.from(part, 'base64url').toString())
  if (isObject(value)) return value
  throw invalidJwt(reading, 'jwt', `cannot be read: ${name} is no JSON object`)
}
