/** The clients of a worker: at the authorization server, and at the API Manager. */
import { type ClientOptions, clientCertificate, defineProvider, privateKeyJwt } from '@grantkit/core'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import type { ServersAddress } from '../servers/main.js'

export function authorizationServerClient({ authorizationServer }: ServersAddress): ClientOptions {
  const { issuer, clientId, clientSecret } = authorizationServer
  const metadata = { issuer, token_endpoint: `${issuer}/token` }
  return { provider: defineProvider({ name: 'oidc-provider', metadata }), clientId, clientSecret }
}

export function apiManagerClient({ apiManager }: ServersAddress): ClientOptions {
  const { tokenEndpoint, clientId, signingKey, kid, certificate, ca } = apiManager
  return {
    provider: wso2OpenBanking({ tokenEndpoint }),
    clientId,
    auth: privateKeyJwt({ key: signingKey, alg: 'PS256', kid }),
    tls: { ca, certificate: clientCertificate(certificate) },
  }
}
