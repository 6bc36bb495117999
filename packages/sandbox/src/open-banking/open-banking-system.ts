/** What both WSO2 Open Banking systems give a test beyond any system. */

import { AccessTokens } from '../access-tokens.js'
import { type CertificateAndKey, type ClientCertificates, certificateThumbprint } from '../certificates.js'
import { sha1JwkThumbprint } from '../jwt.js'
import { type SigningKeys, signingKeysFor } from '../signing-keys.js'
import type { System } from '../system.js'
import { type Approval, type ClientKey, createOpenBankingStore, type OpenBankingStore } from './authorization-server.js'
import type { OpenBankingSettings } from './settings.js'

/** A WSO2 Open Banking token endpoint with the credentials of its one client. */
export interface OpenBankingSystem<Settings extends OpenBankingSettings = OpenBankingSettings>
  extends System<Settings> {
  /** Signs client assertions: RSA 2048, PKCS#8 PEM. */
  readonly signingKey: string
  /** Of the signing key: base64url SHA-1 of its RFC 7638 JWK, 27 characters. */
  readonly kid: string
  /** The client's transport certificate; every call needs one. */
  readonly certificate: CertificateAndKey
  /** The first one the client has registered. */
  readonly redirectUri: string
  /** All of them; push one to register it. */
  readonly redirectUris: string[]
  /** For `settings.authMethod` with a secret; assign to rotate it. */
  clientSecret: string
  /** The client's published keys; push one to sign with it. */
  readonly clientKeys: ClientKey[]
  /**
   * An authorization code, as if the account holder had logged in and agreed.
   *
   * @throws TypeError when the client is not known or the scope is empty
   */
  approve(approval: Approval): string
}

/** What one installation of the two systems shares. */
export interface OpenBankingInstallation {
  readonly store: OpenBankingStore
  readonly certificate: CertificateAndKey
  readonly signingKey: string
  readonly kid: string
  readonly keys: () => Promise<SigningKeys>
}

/** One client, registered with the sandbox's client certificate and a new signing key. */
export async function createInstallation(certificates: ClientCertificates): Promise<OpenBankingInstallation> {
  const serverKeys = signingKeysFor('server')
  const { publicKey, privateKey } = await signingKeysFor('client')
  const kid = sha1JwkThumbprint(publicKey)
  const client = {
    id: 'kbLnJJ_uQL2Ye68uaCRbPIJOR4Ua',
    secret: 'fFmJ7lp6GqZ0rWwJ2bq3ePsYg1Aa',
    redirectUris: ['https://tpp.example.com/callback'],
    keys: [{ kid, publicKey }],
    certificateThumbprint: thumbprintOf(certificates.client),
  }
  return {
    store: createOpenBankingStore(client, new AccessTokens()),
    certificate: certificates.client,
    signingKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    kid,
    keys: () => serverKeys,
  }
}

function thumbprintOf({ cert }: CertificateAndKey): string {
  return certificateThumbprint(Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ''), 'base64'))
}
