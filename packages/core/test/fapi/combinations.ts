/** Every way in which FAPI lets a client log a user in and hold the tokens, and the client that does it. */
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import {
  type AuthorizationRequestOptions,
  type Client,
  type ClientOptions,
  clientCertificate,
  createClient,
  type DpopKey,
  defineProvider,
  discoverMetadata,
  dpopKey,
  privateKeyJwt,
  type ResponseMode,
  type ResponseType,
  selfSignedTlsClientAuth,
  signer,
  tlsClientAuth,
} from '../../src/index.js'
import { type Bank, certificates, type Profile, type Registered, redirectUri, thumbprintOf } from './server.js'

/** What FAPI leaves open. */
export interface Combination {
  readonly profile: Profile
  readonly auth: 'private_key_jwt' | 'tls_client_auth' | 'self_signed_tls_client_auth'
  readonly boundTo: 'certificate' | 'DPoP key' | 'DPoP key with nonces'
  readonly request: 'signed' | 'signed and pushed' | 'pushed'
  readonly responseType: ResponseType
  readonly response: 'plain' | 'JARM'
  readonly alg: 'PS256' | 'ES256' | 'EdDSA'
}

const auths = ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'] as const

/** Of FAPI 1.0 Advanced: signed requests, answers that are signed or come with an ID token, certificate-bound tokens. */
export function fapi1Advanced(alg: 'PS256' | 'ES256'): Combination[] {
  const answers = [
    { responseType: 'code id_token', response: 'plain' },
    { responseType: 'code id_token', response: 'JARM' },
    { responseType: 'code', response: 'JARM' },
  ] as const
  return auths.flatMap(auth =>
    (['signed', 'signed and pushed'] as const).flatMap(request =>
      answers.map(answer => ({ profile: '1.0 Final', auth, boundTo: 'certificate', request, ...answer, alg }) as const),
    ),
  )
}

/** Of the FAPI 2.0 Security Profile, and with what is signed of FAPI 2.0 Message Signing. */
export function fapi2(alg: Combination['alg']): Combination[] {
  return auths.flatMap(auth =>
    (['certificate', 'DPoP key', 'DPoP key with nonces'] as const).flatMap(boundTo =>
      (['pushed', 'signed and pushed'] as const).flatMap(request =>
        (['plain', 'JARM'] as const).map(
          response => ({ profile: '2.0', auth, boundTo, request, responseType: 'code', response, alg }) as const,
        ),
      ),
    ),
  )
}

/** Its name in a test. */
export function nameOf({ auth, boundTo, request, responseType, response, alg }: Combination): string {
  const answer = response === 'JARM' ? `${responseType} by JARM` : responseType
  return `${auth}, a ${request} request, ${answer}, tokens bound to a ${boundTo}, ${alg}`
}

/** Of its client. */
export function clientIdOf(combination: Combination): string {
  return `${combination.profile}: ${nameOf(combination)}`
}

const keys = {
  PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
}

/** As the bank has it. */
export function registered(combination: Combination): Registered {
  const { auth, boundTo, request, alg, profile } = combination
  const { cert } = certificates.selfSigned
  const signing = { ...keys[alg].publicKey.export({ format: 'jwk' }), kid: alg, alg, use: 'sig' }
  const x5c = [new X509Certificate(cert).raw.toString('base64')]
  const selfSigned = { ...createPublicKey(cert).export({ format: 'jwk' }), kid: 'certificate', use: 'sig', x5c }
  return {
    profile,
    needsNonce: boundTo === 'DPoP key with nonces',
    metadata: {
      client_id: clientIdOf(combination),
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token', 'implicit'],
      response_types: ['code', 'code id_token'],
      token_endpoint_auth_method: auth,
      ...(auth === 'tls_client_auth' && { tls_client_auth_subject_dn: 'CN=client' }),
      jwks: { keys: auth === 'self_signed_tls_client_auth' ? [signing, selfSigned] : [signing] } as never,
      request_object_signing_alg: alg,
      require_signed_request_object: request !== 'pushed',
      require_pushed_authorization_requests: request !== 'signed',
      id_token_signed_response_alg: alg,
      authorization_signed_response_alg: alg,
      tls_client_certificate_bound_access_tokens: boundTo === 'certificate',
      dpop_bound_access_tokens: boundTo !== 'certificate',
    } as Registered['metadata'],
  }
}

const dpop = dpopKey()

/** A client as a program makes it: by discovery, and by what was registered. */
export async function clientOf(
  bank: Bank,
  combination: Combination,
  options: Partial<ClientOptions> = {},
): Promise<Client> {
  const { auth, boundTo, request, alg } = combination
  const tls = options.tls ?? { ca: certificates.ca, ...certificateOf(combination) }
  const metadata = await discoverMetadata({ issuer: bank.issuer, tls })
  return createClient({
    provider: defineProvider({ name: 'bank', metadata }),
    clientId: clientIdOf(combination),
    auth: {
      private_key_jwt: () => privateKeyJwt({ key: keys[alg].privateKey, alg, kid: alg }),
      tls_client_auth: tlsClientAuth,
      self_signed_tls_client_auth: selfSignedTlsClientAuth,
    }[auth](),
    metadata: {
      id_token_signed_response_alg: alg,
      authorization_signed_response_alg: alg,
      request_object_signing_alg: alg,
      require_signed_request_object: request !== 'pushed',
      require_pushed_authorization_requests: request !== 'signed',
      tls_client_certificate_bound_access_tokens: boundTo === 'certificate',
      dpop_bound_access_tokens: boundTo !== 'certificate',
    },
    ...(boundTo !== 'certificate' && { dpop }),
    ...options,
    tls,
  })
}

/** What its connections show; none where neither the client nor its tokens need one. */
export function certificateOf({ auth, boundTo }: Combination) {
  if (auth === 'private_key_jwt' && boundTo !== 'certificate') return {}
  const { cert, key } = auth === 'self_signed_tls_client_auth' ? certificates.selfSigned : certificates.client
  return { certificate: clientCertificate({ cert, key }) }
}

/** As `cnf` names what its tokens are bound to. */
export function confirmationOf({ auth, boundTo }: Combination, key: DpopKey = dpop): Readonly<Record<string, string>> {
  if (boundTo !== 'certificate') return { jkt: key.thumbprint }
  const { cert } = auth === 'self_signed_tls_client_auth' ? certificates.selfSigned : certificates.client
  return { 'x5t#S256': thumbprintOf(cert) }
}

/** What a login asks for. */
export function requestOf({ request, responseType, response, alg }: Combination): AuthorizationRequestOptions {
  const responseMode: ResponseMode | undefined = response === 'JARM' ? 'jwt' : undefined
  return {
    redirectUri,
    scope: 'openid offline_access accounts',
    prompt: 'consent',
    responseType,
    responseMode,
    ...(request !== 'pushed' && { requestObject: { signer: signer({ key: keys[alg].privateKey, alg, kid: alg }) } }),
  }
}
