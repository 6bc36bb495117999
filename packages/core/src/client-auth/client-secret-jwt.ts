/** `client_secret_jwt`: an assertion under a MAC keyed by the client secret (RFC 7523 §2.2, OpenID Connect Core §9). */
import type { MacAlgorithm } from '../algorithms.js'
import { checkOptions } from '../options.js'
import type { Secret } from '../secret.js'
import { secretSigner } from '../signer.js'
import {
  type AssertionOptions,
  assertionOptionNames,
  authenticateByAssertion,
  checkAlg,
  checkAssertionOptions,
} from './assertion-auth.js'
import type { ClientAuth } from './client-auth.js'
import { readSecret, secretMembers } from './secret-auth.js'

/** The algorithm, and what the assertion says. */
export interface ClientSecretJwtOptions extends AssertionOptions {
  /** There is no default. */
  readonly alg: MacAlgorithm
}

/**
 * Authenticates by an assertion that only holders of the secret can make; the secret itself is never sent.
 *
 * @param clientSecret the secret, or an async function that is asked for it before every request
 * @throws TypeError when the secret is empty or `alg` is not a MAC
 */
export function clientSecretJwt(clientSecret: Secret, options: ClientSecretJwtOptions): ClientAuth {
  checkOptions('clientSecretJwt', options, ['alg', ...assertionOptionNames])
  checkAssertionOptions(options)
  secretSigner('checked here, used below', options.alg)
  const method = 'client_secret_jwt'
  const members = secretMembers(clientSecret, method)
  return {
    method,
    ...members,
    check(context) {
      members.check(context)
      checkAlg(options.alg, context.provider)
    },
    async authenticate(parameters, context) {
      const secret = await readSecret(clientSecret, method, context)
      const signer = secretSigner(secret, options.alg)
      return { ...(await authenticateByAssertion(signer, options, parameters, context)), secrets: [secret] }
    },
  }
}
