/** What APK's gateway says to a bad token, in each of its versions; only the status can be relied on. */
import { type Answer, json } from '../answer.js'
import type { ReceivedRequest } from '../record.js'
import type { ApkServer } from './identity-provider.js'

/** The protected sample API of APK's quick start. */
export function answerEmployees({ tokens, clock, settings }: ApkServer, request: ReceivedRequest): Answer {
  const [, bearer] = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '') ?? []
  const token = bearer === undefined ? undefined : tokens.find(bearer)
  if (token && !token.revoked && token.expiresAt > clock.now()) {
    return json(200, [{ employeeName: 'Justin', employeeId: '1' }])
  }
  if (settings.gatewayVersion === 'local-reply') {
    const description = 'Make sure you have provided the correct security credentials'
    return json(401, { error_message: 'Invalid Credentials', code: 401, ErrorDescription: description })
  }
  const isExpired = token !== undefined && !token.revoked
  const code =
    settings.gatewayVersion === '1.0' ? '900901' : bearer === undefined ? '900902' : isExpired ? '900901' : '900903'
  return refuse(settings.gatewayVersion, bearer === undefined ? '900902' : code)
}

function refuse(version: '1.0' | '1.3', code: string): Answer {
  const message = code === '900902' ? 'Missing Credentials' : 'Invalid Credentials'
  const body = {
    code,
    error_message: message,
    error_description: 'Make sure you have provided the correct security credentials',
  }
  const challenge = 'Bearer realm="APK", error="invalid_token", error_description="The provided token is invalid"'
  return json(401, body, version === '1.0' ? { 'www-authenticate': challenge } : {})
}
