/** JARM: an authorization response as a JWT that the server has signed, and encrypted where that is registered. */
import type { Client } from '../client.js'
import { msToSeconds } from '../clock.js'
import { ValidationError } from '../errors.js'
import { readSignedJwt } from '../signed-jwt.js'
import { parametersIn, type ReceivedAnswer } from './authorization-answer.js'
import { clockToleranceSeconds } from './id-token.js'

/**
 * The parameters that a response JWT holds: what stands beside it in the answer is not looked at.
 *
 * @throws ValidationError: what `readSignedJwt` refuses, `iss`, `aud`, `exp`, `nbf`, or a parameter that is no text
 * @see JARM §2.1, §2.4
 */
export async function readSignedResponse(client: Client, response: string): Promise<ReceivedAnswer['parameters']> {
  const secrets = [response]
  const { claims } = await readSignedJwt(client, response, {
    what: 'authorization response',
    kind: 'authorization',
    secrets,
  })
  const { issuer } = client.provider.metadata
  const refuse = (check: string, problem: string) => {
    throw new ValidationError(check, `of the signed answer ${problem}`, { provider: client.provider.name })
  }
  if (claims.iss !== issuer) refuse('iss', 'names another server than the one that was asked')
  if (![claims.aud].flat().includes(client.id)) refuse('aud', 'does not name this client')
  const now = msToSeconds(client.clock.now())
  if (typeof claims.exp !== 'number') refuse('exp', 'is missing, or no number')
  if (Number(claims.exp) <= now - clockToleranceSeconds) refuse('exp', `is over: ${claims.exp}, and it is ${now} now`)
  if (claims.nbf !== undefined && !(Number(claims.nbf) <= now + clockToleranceSeconds))
    refuse('nbf', 'is in the future, or no number')
  return parametersIn(claims)
}
