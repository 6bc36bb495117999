/** `tls_client_auth`, `self_signed_tls_client_auth`: the certificate of the connection authenticates (RFC 8705 §2). */
import type { ClientAuth } from './client-auth.js'

/** Sends `client_id`; the certificate, issued by an authority the server trusts, is the proof (RFC 8705 §2.1). */
export function tlsClientAuth(): ClientAuth {
  return certificateAuth('tls_client_auth')
}

/** Sends `client_id`; the certificate, self-signed and registered with the server, is the proof (RFC 8705 §2.2). */
export function selfSignedTlsClientAuth(): ClientAuth {
  return certificateAuth('self_signed_tls_client_auth')
}

function certificateAuth(method: string): ClientAuth {
  return {
    method,
    identity: method,
    requiresCertificate: true,
    authenticate: async (parameters, { clientId }) => ({
      parameters: { ...parameters, client_id: clientId },
      headers: {},
    }),
  }
}
