/** `/oauth2/userinfo` of Identity Server (OpenID Connect Core §5.3): who the customer is, for a token of theirs. */
import { type Answer, json, Refusal } from '../answer.js'
import type { ReceivedRequest } from '../record.js'
import type { AuthorizationServer } from './authorization-server.js'

/** @throws Refusal for a token that is dead, an application's, of another certificate, or without `openid` */
export function answerUserinfo({ store, clock }: AuthorizationServer, request: ReceivedRequest): Answer {
  const [, bearer = ''] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  const token = store.tokens.findActive(bearer, clock.now())
  if (!token?.isUserToken || token.certificateThumbprint !== request.clientCertificateThumbprint)
    return refuse(401, 'invalid_token', 'Access token validation failed')
  if (!token.scope.split(' ').includes('openid'))
    refuse(403, 'insufficient_scope', 'Access token does not have the openid scope')
  return json(200, { sub: token.subject })
}

function refuse(status: number, error: string, error_description: string): never {
  const challenge = `Bearer error="${error}", error_description="${error_description}"`
  throw new Refusal(json(status, { error, error_description }, { 'www-authenticate': challenge }))
}
