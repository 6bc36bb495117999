/** What a server answers to a registration: the client, its credentials, and what was registered for it (RFC 7591 §3.2.1). */
import { isObject, kindOf } from './body.js'
import { isSecret, type RegistrationMetadata } from './client-metadata.js'
import { secondsToMs } from './clock.js'
import { ValidationError } from './errors.js'
import { numeric } from './lifetime.js'
import { credentialProblem, parseUrl } from './options.js'
import { copyForLogs, redacted } from './secret.js'

/** A registration as it is kept between two programs: these four texts, the last three as secrets. */
export interface RegisteredClient {
  /** `client_id`. */
  readonly clientId: string
  /** `client_secret`, where one was issued. */
  readonly clientSecret?: string | undefined
  /** Opens the registration to `readRegistration()` and the like. @see RFC 7592 §3 */
  readonly registrationAccessToken?: string | undefined
  /** Where the registration is. @see RFC 7592 §3 */
  readonly registrationClientUri?: string | undefined
}

/** What a registration is made of. */
export interface ClientRegistrationMembers extends RegisteredClient {
  /** When the client was registered, in epoch milliseconds. */
  readonly clientIdIssuedAt?: number | undefined
  /** When its secret expires, in epoch milliseconds. */
  readonly clientSecretExpiresAt?: number | undefined
  /** What was registered. */
  readonly metadata: RegistrationMetadata
}

/** A client that a server has registered. The secrets are read by name; printing shows none of them. */
export class ClientRegistration implements RegisteredClient {
  readonly #clientSecret: string | undefined
  readonly #registrationAccessToken: string | undefined
  readonly #registrationClientUri: string | undefined
  /** `client_id`. */
  readonly clientId: string
  /** When the client was registered, in epoch milliseconds; `undefined` when the server did not say. */
  readonly clientIdIssuedAt: number | undefined
  /** When the secret expires, in epoch milliseconds; `undefined` when it never does, or the server did not say. */
  readonly clientSecretExpiresAt: number | undefined
  /**
   * What was registered, which need not be what was asked for: a server may replace any of it (RFC 7591 §3.2.1). Frozen,
   * and as `createClient({ metadata })` takes it.
   */
  readonly metadata: RegistrationMetadata

  constructor(members: ClientRegistrationMembers) {
    this.#clientSecret = members.clientSecret
    this.#registrationAccessToken = members.registrationAccessToken
    this.#registrationClientUri = members.registrationClientUri
    this.clientId = members.clientId
    this.clientIdIssuedAt = members.clientIdIssuedAt
    this.clientSecretExpiresAt = members.clientSecretExpiresAt
    this.metadata = members.metadata
  }

  /** As received; `undefined` when none was issued. Printing a registration shows a short hash instead. */
  get clientSecret(): string | undefined {
    return this.#clientSecret
  }

  /** The latest one: a server may send another with each answer, and the one before is dead then (RFC 7592 §3). */
  get registrationAccessToken(): string | undefined {
    return this.#registrationAccessToken
  }

  /** Where the registration is; `undefined` when the server did not say. Not printed, since its query may be a secret. */
  get registrationClientUri(): string | undefined {
    return this.#registrationClientUri
  }

  /** A copy for logs: a short hash stands for each secret, and for the software statement. To keep a registration, read its secrets by name. */
  toJSON(): Record<string, unknown> {
    const { clientSecret, registrationAccessToken, metadata } = this
    const { software_statement: statement } = metadata
    return {
      ...copyForLogs(this, { clientSecret, registrationAccessToken }),
      metadata: typeof statement === 'string' ? { ...metadata, software_statement: redacted(statement) } : metadata,
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON()
  }
}

/** Members of the answer that a client may not send back. @see RFC 7592 §2.2 */
export const serverMembers: readonly string[] = [
  'client_id_issued_at',
  'client_secret_expires_at',
  'registration_access_token',
  'registration_client_uri',
]

/** Members of the answer that are no metadata: what the client is called, and its credentials. */
const issuedMembers: readonly string[] = ['client_id', 'client_secret', ...serverMembers]

/**
 * Reads the client information response.
 *
 * @param known what was known of the client before: what the answer leaves out stays, and its id cannot change
 * @throws ValidationError naming the member that cannot be used
 * @see RFC 7591 §3.2.1, RFC 7592 §3
 */
export function readClientInformation(answer: unknown, known?: RegisteredClient): ClientRegistration {
  if (!isObject(answer)) throw new ValidationError('client_id', `expected an object, got ${kindOf(answer)}`)
  const clientId = credentialIn(answer, 'client_id')
  if (clientId === undefined) throw new ValidationError('client_id', 'is missing; expected a text')
  if (known !== undefined && clientId !== known.clientId)
    throw new ValidationError('client_id', 'is another one than was asked for: the answer is about another client')
  const clientSecret = credentialIn(answer, 'client_secret')
  return new ClientRegistration({
    clientId,
    clientIdIssuedAt: instantOf(answer.client_id_issued_at),
    clientSecret: clientSecret ?? known?.clientSecret,
    clientSecretExpiresAt: instantOf(answer.client_secret_expires_at),
    registrationAccessToken: credentialIn(answer, 'registration_access_token') ?? known?.registrationAccessToken,
    registrationClientUri: uriIn(answer) ?? known?.registrationClientUri,
    metadata: metadataIn(answer),
  })
}

/** A text that can be sent back; some write `null` or `''` where there is nothing to say. */
function credentialIn(answer: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const { [name]: value } = answer
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new ValidationError(name, `expected a text, got ${kindOf(value)}`)
  const problem = credentialProblem(value)
  if (problem !== undefined) throw new ValidationError(name, problem)
  return value
}

/** Whether a token may go there is seen to when one is about to. */
function uriIn(answer: Readonly<Record<string, unknown>>): string | undefined {
  const uri = credentialIn(answer, 'registration_client_uri')
  if (uri !== undefined && parseUrl(uri) === undefined)
    throw new ValidationError('registration_client_uri', 'expected an absolute URL')
  return uri
}

/** The last instant of a `Date`; 0 means never. */
const lastInstantMs = 8.64e15

function instantOf(seconds: unknown): number | undefined {
  const ms = secondsToMs(numeric(seconds))
  return ms > 0 && ms <= lastInstantMs ? ms : undefined
}

/** Some write `null` or `''` where nothing is registered. */
function metadataIn(answer: Readonly<Record<string, unknown>>): RegistrationMetadata {
  const said = Object.entries(answer).filter(
    ([name, value]) => !issuedMembers.includes(name) && !isSecret(name) && value !== null && value !== '',
  )
  return Object.freeze(Object.fromEntries(said))
}
