/** A client: an id registered with a provider, its credentials, and the connection it uses. */
import type { ClientAuth } from './client-auth/client-auth.js'
import { clientSecretBasic } from './client-auth/client-secret-basic.js'
import { clientSecretPost } from './client-auth/client-secret-post.js'
import { none } from './client-auth/none.js'
import { type ClientMetadata, checkClientMetadata, registeredFor, responseKinds } from './client-metadata.js'
import {
  type Connection,
  type ConnectionOptions,
  certificateAt,
  checkConnection,
  connect,
  connectionOptionNames,
} from './connection.js'
import { type DecryptionKey, DecryptionKeys, symmetricEncryption } from './decryption.js'
import type { DpopKey } from './dpop.js'
import type { EventListener } from './events.js'
import { type EndpointName, endpointIn, statedList } from './metadata.js'
import { checkCredential, checkFunction, checkOptions, checkSecureUrl, optionError } from './options.js'
import type { Provider } from './provider.js'
import type { Secret } from './secret.js'
import { isMacAlgorithm } from './verification.js'

/** Who asks, of which server, and by which connection. */
export interface ClientOptions extends ConnectionOptions {
  /** `client_id`, as the server registered it. */
  readonly clientId: string
  /**
   * The secret, or an async function that is asked before every request; sent by the method that was registered
   * (`metadata`), else by the one the provider prefers.
   */
  readonly clientSecret?: Secret
  /** Another method of client authentication, such as `privateKeyJwt(…)`; instead of `clientSecret`. */
  readonly auth?: ClientAuth
  /**
   * Binds tokens to a key, made by `dpopKey()`: token requests prove its possession, and so does every API request with
   * such a token. Default: none.
   *
   * @see RFC 9449
   */
  readonly dpop?: DpopKey | undefined
  /**
   * What the server has registered for the client, by its names in the registration (RFC 7591): which algorithms sign and
   * encrypt what comes to it. Default: what the RFCs have as default.
   */
  readonly metadata?: ClientMetadata | undefined
  /** Private keys by which encrypted ID tokens and responses are read. Default: none. */
  readonly decryptionKeys?: readonly DecryptionKey[] | undefined
  /** Told of every step; what it throws is ignored. */
  readonly onEvent?: EventListener | undefined
}

/** A client of one server, made by `createClient()`. Printing one shows no secret. */
export interface Client extends Connection {
  /** `client_id`. */
  readonly id: string
  /** How it proves who it is. */
  readonly auth: ClientAuth
  /** What the server has registered for it. */
  readonly metadata: ClientMetadata
  /** Opens what is encrypted to it; printing shows no key. */
  readonly decryptionKeys: DecryptionKeys
  /** The key its tokens are bound to. */
  readonly dpop: DpopKey | undefined
  /** Told of every step, if anybody is. */
  readonly onEvent: EventListener | undefined
}

/**
 * Makes a client. Everything is checked here, nothing is sent.
 *
 * @throws TypeError naming the option: an empty id, two sources of client authentication or one that is undefined, a
 *   method or certificate the provider does not take or lacks, a certificate that has expired
 */
export function createClient(options: ClientOptions): Client {
  checkOptions('createClient', options, optionNames)
  checkCredential('clientId', options.clientId)
  const { provider, clientId, dpop, onEvent } = options
  checkConnection('createClient', options)
  if (onEvent !== undefined) checkFunction('onEvent', onEvent)
  const metadata = checkClientMetadata(options.metadata ?? {})
  const auth = chooseAuth(options, metadata)
  auth.check?.({ clientId, provider })
  provider.conform.checkCredentials?.({ clientId, method: auth.method })
  const decryptionKeys = new DecryptionKeys(options.decryptionKeys)
  if (dpop !== undefined) checkDpop(provider, dpop)
  else if (metadata.dpop_bound_access_tokens)
    throw optionError('dpop', 'is needed: by metadata.dpop_bound_access_tokens the client gets no other tokens')
  checkCanRead(metadata, { decryptionKeys, auth })
  const certificateFor = auth.requiresCertificate ? ` for ${auth.method}` : certificateAt(provider)
  return { id: clientId, auth, metadata, decryptionKeys, dpop, onEvent, ...connect(options, certificateFor) }
}

/**
 * The URL a request goes to. What a server lists beside the token endpoint is looked at here, when it is needed: a member
 * that nobody uses makes no metadata unusable.
 *
 * @param grantType of a request to the token endpoint: some servers refresh elsewhere
 * @throws TypeError naming the endpoint that the metadata lacks, or has where no credential may be sent
 */
export function endpointFor(
  { provider, tls }: Pick<Client, 'provider' | 'tls'>,
  endpoint: EndpointName,
  grantType?: string,
): string {
  const { metadata, conform, name } = provider
  const isRefresh = endpoint === 'token_endpoint' && grantType === 'refresh_token'
  if (isRefresh && conform.refreshEndpoint !== undefined) return conform.refreshEndpoint
  const { member, url } = endpointIn(metadata, endpoint, tls.certificate !== undefined)
  if (url === undefined)
    throw optionError(member, `is not in the metadata of ${name}; if the server has one, name it there`)
  if (endpoint !== 'token_endpoint') checkSecureUrl(member, url)
  return url
}

const optionNames = [
  ...connectionOptionNames,
  'clientId',
  'clientSecret',
  'auth',
  'dpop',
  'metadata',
  'decryptionKeys',
  'onEvent',
] as const

/** Refuses what was registered and cannot be read: without a key, or without a client secret. */
function checkCanRead(
  metadata: ClientMetadata,
  { decryptionKeys, auth }: Pick<Client, 'decryptionKeys' | 'auth'>,
): void {
  for (const kind of responseKinds) {
    const { algorithm = '', encryption: { alg } = {} } = registeredFor(metadata, kind)
    const isBySecret = alg !== undefined && symmetricEncryption.includes(alg)
    if (alg !== undefined && !isBySecret && decryptionKeys.size === 0)
      throw optionError('decryptionKeys', `is needed: metadata.${kind}_encrypted_response_alg is ${alg}`)
    if ((isBySecret || isMacAlgorithm(algorithm)) && auth.secret === undefined)
      throw optionError('clientSecret', `is needed: by metadata the server uses it for ${kind} responses`)
  }
}

function chooseAuth(options: ClientOptions, { token_endpoint_auth_method: registered }: ClientMetadata): ClientAuth {
  const { provider, auth, clientSecret } = options
  if (auth === undefined) refuseUnset(options)
  if (auth !== undefined && clientSecret !== undefined)
    throw optionError('clientSecret', 'client authentication is given twice; remove either clientSecret or auth')
  if (auth !== undefined && typeof Object(auth).authenticate !== 'function')
    throw optionError('auth', 'must come from a client authentication function such as privateKeyJwt()')
  const chosen = auth ?? (clientSecret === undefined ? none() : secretAuth(provider, clientSecret, registered))
  const accepted = statedList(provider.metadata, 'token_endpoint_auth_methods_supported')
  if (accepted !== undefined && !accepted.includes(chosen.method))
    throw optionError(
      clientSecret === undefined ? 'auth' : 'clientSecret',
      `${provider.name} accepts ${accepted.join(', ')}, not ${chosen.method}`,
    )
  if (registered !== undefined && registered !== chosen.method)
    throw optionError(
      clientSecret === undefined ? 'auth' : 'clientSecret',
      `means ${chosen.method}; by metadata.token_endpoint_auth_method the client is registered for ${registered}`,
    )
  return chosen
}

/** What is not set by mistake would make a public client: its requests go out without a credential. */
function refuseUnset(options: ClientOptions): void {
  const unset = (['clientSecret', 'auth'] as const).find(name => name in options && options[name] === undefined)
  if (unset === undefined || options.clientSecret !== undefined) return
  throw optionError(
    unset,
    'is undefined: an environment variable that is not set? A public client leaves it out, or says auth: none()',
  )
}

/** RFC 9449 §5.1. */
function checkDpop({ name, metadata }: Provider, dpop: DpopKey): void {
  const { signProof, thumbprint } = Object(dpop)
  if (typeof signProof !== 'function' || typeof thumbprint !== 'string')
    throw optionError('dpop', 'must come from dpopKey()')
  const accepted = statedList(metadata, 'dpop_signing_alg_values_supported')
  if (accepted !== undefined && !accepted.includes(dpop.alg))
    throw optionError('dpop', `${name} accepts proofs by ${accepted.join(', ')}, not ${dpop.alg}`)
}

function secretAuth(provider: Provider, clientSecret: Secret, registered: string | undefined): ClientAuth {
  if (registered === 'client_secret_post') return clientSecretPost(clientSecret)
  if (registered === 'client_secret_basic') return clientSecretBasic(clientSecret)
  const accepted = provider.metadata.token_endpoint_auth_methods_supported
  const onlyPost = accepted?.includes('client_secret_post') && !accepted.includes('client_secret_basic')
  const method = provider.conform.defaultSecretMethod ?? (onlyPost ? 'client_secret_post' : 'client_secret_basic')
  return method === 'client_secret_post' ? clientSecretPost(clientSecret) : clientSecretBasic(clientSecret)
}
