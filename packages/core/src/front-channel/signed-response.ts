/** JARM: an authorization response as a JWT that the server has signed, and encrypted where that is registered. */
import type { Client } from '../client.js'
import { checkAnswerClaims } from '../jwt-claims.js'
import { readSignedJwt } from '../signed-jwt.js'
import { parametersIn, type ReceivedAnswer } from './authorization-answer.js'

/**
 * The parameters that a response JWT holds: what stands beside it in the answer is not looked at.
 *
 * @throws ValidationError: what `readSignedJwt` refuses, `iss`, `aud`, `exp`, `iat`, `nbf`, or a parameter that is no text
 * @see JARM §2.1, §2.4
 */
export async function readSignedResponse(client: Client, response: string): Promise<ReceivedAnswer['parameters']> {
  const [what, secrets] = ['authorization response', [response]]
  const { claims } = await readSignedJwt(client, response, { what, kind: 'authorization', secrets })
  const parameters = parametersIn(claims)
  checkAnswerClaims({ client, what, claims, secrets: [response, ...secretsIn(parameters)] }, ['iss', 'aud', 'exp'])
  return parameters
}

/** What may stand in no message, though it may come in another claim as well. */
function secretsIn({ code, state, id_token: idToken }: ReceivedAnswer['parameters']): readonly string[] {
  return [code, state, idToken].filter(one => one !== undefined)
}
