/** `client_secret_post`: the client's credentials in the request body (RFC 6749 §2.3.1). */
import type { Secret } from '../secret.js'
import type { ClientAuth } from './client-auth.js'
import { readSecret, secretMembers } from './secret-auth.js'

/**
 * Sends `client_id` and `client_secret` as parameters.
 *
 * @param clientSecret the secret, or an async function that is asked for it before every request
 * @throws TypeError when the secret is empty
 */
export function clientSecretPost(clientSecret: Secret): ClientAuth {
  const method = 'client_secret_post'
  return {
    method,
    ...secretMembers(clientSecret, method),
    authenticate: async (parameters, context) => ({
      parameters: {
        ...parameters,
        client_id: context.clientId,
        client_secret: await readSecret(clientSecret, method, context),
      },
      headers: {},
    }),
  }
}
