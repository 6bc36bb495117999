/** `none`: a public client names itself and proves nothing (RFC 6749 §2.1). */
import type { ClientAuth } from './client-auth.js'

/** Sends `client_id` alone. */
export function none(): ClientAuth {
  return {
    method: 'none',
    identity: 'none',
    authenticate: async (parameters, { clientId }) => ({
      parameters: { ...parameters, client_id: clientId },
      headers: {},
    }),
  }
}
