/** What the methods that hold a client secret have in common. */
import { GrantKitError } from '../errors.js'
import { checkCredential, credentialProblem, optionError, refusePromise } from '../options.js'
import { fingerprint, identityOf, type Secret } from '../secret.js'
import type { AuthenticationContext, ClientAuth } from './client-auth.js'

/** The members of {@link ClientAuth} that follow from the secret alone. */
export function secretMembers(
  secret: Secret,
  method = '',
): Required<Pick<ClientAuth, 'identity' | 'check' | 'fingerprint' | 'secret'>> {
  checkSecret(secret)
  return {
    identity: typeof secret === 'string' ? fingerprint(secret) : identityOf(secret),
    check: ({ clientId, provider }) =>
      provider.conform.checkCredentials?.({
        clientId,
        clientSecret: typeof secret === 'string' ? secret : undefined,
        method,
      }),
    fingerprint: async () => fingerprint(await readSecret(secret, method)),
    secret: () => readSecret(secret, method),
  }
}

/** The secret as it is now, checked by the provider where it could not be checked before. */
export async function readSecret(secret: Secret, method = '', context?: AuthenticationContext): Promise<string> {
  if (typeof secret === 'string') return secret
  const value: unknown = await secret()
  if (typeof value !== 'string' || value === '') throw unusable('the function must return a string that is not empty')
  const problem = credentialProblem(value)
  if (problem !== undefined) throw unusable(`what the function returned ${problem}`)
  context?.provider.conform.checkCredentials?.({ clientId: context.clientId, clientSecret: value, method })
  return value
}

function checkSecret(secret: Secret): void {
  if (typeof secret === 'function') return
  refusePromise('clientSecret', secret)
  if (secret === '')
    throw optionError(
      'clientSecret',
      'is empty: an environment variable that is not set? A public client leaves it out',
    )
  if (typeof secret !== 'string')
    throw optionError('clientSecret', 'must be a string that is not empty, or a function that returns one')
  checkCredential('clientSecret', secret)
}

function unusable(problem: string): GrantKitError {
  return new GrantKitError('ERR_CLIENT_AUTHENTICATION', `clientSecret: ${problem}`, { neverSent: true })
}
