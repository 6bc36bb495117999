/** The app as the bank knows it: certificate, signing key, and where everything is. */
import { type Client, clientCertificate, createClient, type EventListener, privateKeyJwt, signer } from '@grantkit/core'
import { wso2OpenBanking } from '@grantkit/provider-wso2-open-banking'
import type { Sandbox } from '@grantkit/sandbox'

/** What the browser opens is at plain http, since it does not trust the sandbox's CA; the app's own requests are TLS. */
export function bankClient({ wso2IdentityServer: bank, ca, now }: Sandbox, onEvent: EventListener): Client {
  return createClient({
    provider: wso2OpenBanking({
      tokenEndpoint: bank.tokenEndpoint,
      pushedAuthorizationRequestEndpoint: bank.pushedAuthorizationRequestEndpoint,
      ...bank.plainHttp,
    }),
    clientId: bank.clientId,
    auth: privateKeyJwt({ key: bank.signingKey, alg: 'PS256', kid: bank.kid }),
    tls: { certificate: clientCertificate(bank.certificate), ca },
    clock: { now },
    onEvent,
  })
}

/** Signs what is asked for (RFC 9101), as FAPI wants it. */
export function requestSigner({ wso2IdentityServer: bank }: Sandbox) {
  return signer({ key: bank.signingKey, alg: 'PS256', kid: bank.kid })
}
