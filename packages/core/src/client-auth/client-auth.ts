/** Client authentication: how a client proves to the server who it is (RFC 6749 §2.3). The contract of every method. */
import type { Clock } from '../clock.js'
import type { EndpointName } from '../metadata.js'
import type { Parameters, Provider } from '../provider.js'

/** A request that is being authenticated. */
export interface Authenticated {
  /** What is sent in the body: the request's own parameters and the credentials that go there. */
  readonly parameters: Parameters
  /** What is sent beside the body, such as `authorization`, by name. */
  readonly headers: Readonly<Record<string, string>>
  /** What was used beside the parameters and may stand in no error, should the server repeat it. */
  readonly secrets?: readonly string[]
}

/** Who authenticates, to whom. */
export interface AuthenticationContext {
  /** `client_id`. */
  readonly clientId: string
  /** The server that is asked. */
  readonly provider: Provider
  /** The URL of the endpoint called. */
  readonly endpoint: string
  /** Which one it is, by its name in the metadata. */
  readonly endpointName: EndpointName
  /** Tells the time for what is signed. */
  readonly clock: Clock
}

/** One method of client authentication. */
export interface ClientAuth {
  /** Its name in `token_endpoint_auth_methods_supported` (RFC 8414 §2). */
  readonly method: string
  /** Tells these credentials from others in a key; not a secret. */
  readonly identity: string
  /** Whether the certificate of the connection is what authenticates. Default `false`. */
  readonly requiresCertificate?: boolean
  /** Checked once, when the client is made; throws `TypeError`. */
  check?(context: Omit<AuthenticationContext, 'endpoint' | 'endpointName' | 'clock'>): void
  /** Names the credentials as they are now, without being them: when they change, a cool-down they caused is over. */
  fingerprint?(): Promise<string>
  /** The client secret as it is now, where the method has one: a server may sign with it (OpenID Connect Core §10.1). */
  secret?(): Promise<string>
  /** Adds the credentials; called for every attempt. */
  authenticate(parameters: Parameters, context: AuthenticationContext): Promise<Authenticated>
}
