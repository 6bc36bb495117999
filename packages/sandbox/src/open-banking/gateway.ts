/** The API Manager gateway: who may pass, and the many ways it says no (`APISecurityConstants`). */
import type { IssuedToken } from '../access-tokens.js'
import { type Answer, json, Refusal, text } from '../answer.js'
import type { SandboxClock } from '../clock.js'
import type { PresentedCertificate, ReceivedRequest } from '../record.js'
import type { OpenBankingStore } from './authorization-server.js'

/** How the gateway behaves; it serves the tokens of both WSO2 Open Banking systems. */
export interface GatewaySettings {
  /** Body of a refusal: 4.x JSON with a string code (default), 3.x `fault` with a number, or XML. */
  gatewayFault: 'json' | 'fault' | 'xml'
  /** Content type of a refusal instead of the right one. */
  gatewayContentType: string | undefined
  /** Which of the observed `WWW-Authenticate` a 401 carries. Default `4.x`. */
  gatewayChallenge: '2.x' | '3.x' | '4.x' | 'null-bearer' | 'basic-auth' | 'none'
  /** Code for a token that is unknown, expired or revoked. Default 900901; 900900 comes with status 500. */
  invalidTokenCode: number
  /** Old servers let a token die up to 300 seconds before its `expires_in`. Default 0. */
  tokensDieEarlySeconds: number
  /** Refuses every call, good token or not, with this code and its status. */
  gatewayRefusal: number | undefined
  /** `errors[]` for certificate faults as 3.0.0 (`Code`, `Title`, `Message`) or 4.x writes it. Default `3.0`. */
  certificateErrors: '3.0' | '4.x'
  /** The accounts resource wants a user's token, as at a bank; another gets 900905. Default false. */
  accountsNeedUserToken: boolean
  /** Scope of the accounts and consent resources; without it 403 900910. Default `accounts`. */
  requiredScope: string | undefined
}

/** The defaults: a 4.x gateway. */
export function gatewaySettings(): GatewaySettings {
  return {
    gatewayFault: 'json',
    gatewayContentType: undefined,
    gatewayChallenge: '4.x',
    invalidTokenCode: 900901,
    tokensDieEarlySeconds: 0,
    gatewayRefusal: undefined,
    certificateErrors: '3.0',
    accountsNeedUserToken: false,
    requiredScope: 'accounts',
  }
}

/** A gateway over the tokens of one installation. */
export interface Gateway {
  readonly settings: GatewaySettings
  readonly store: OpenBankingStore
  readonly clock: SandboxClock
}

/** What a resource demands of a token. */
export interface ResourceRules {
  /** `x-auth-type` of the API definition. */
  readonly tokenType: 'Application' | 'Application_User' | 'any'
  readonly scope: string | undefined
}

/**
 * The token a call was made with.
 *
 * @throws Refusal in the shape the settings ask for
 */
export function authorizeCall(gateway: Gateway, request: ReceivedRequest, rules: ResourceRules): IssuedToken {
  const { settings, clock } = gateway
  const certificate = requireCertificate(gateway, request.clientCertificate)
  if (settings.gatewayRefusal !== undefined) refuseCall(gateway, settings.gatewayRefusal)
  const [, bearer] = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '') ?? []
  if (bearer === undefined) return refuseCall(gateway, 900902)
  const token = gateway.store.tokens.findActive(bearer, clock.now() + settings.tokensDieEarlySeconds * 1000)
  if (!token || token.certificateThumbprint !== certificate.thumbprint) {
    return refuseCall(gateway, settings.invalidTokenCode)
  }
  const actual = token.isUserToken ? 'Application_User' : 'Application'
  if (rules.tokenType !== 'any' && rules.tokenType !== actual) refuseCall(gateway, 900905)
  if (rules.scope !== undefined && !token.scope.split(' ').includes(rules.scope)) refuseCall(gateway, 900910)
  return token
}

/** A path below an API that has no such resource is 403; a path below none is 404. */
export function noMatchingResource(gateway: Gateway, { path }: ReceivedRequest): Answer {
  if (path.startsWith('/open-banking/')) return encodeFault(gateway, 900906)
  const description = 'The requested resource is not available.'
  return json(404, { code: '404', type: 'Status report', message: 'Runtime Error', description })
}

/** The certificate a call came with, or the refusal of one that is missing, foreign or expired. */
export function requireCertificate(
  { settings, clock }: Gateway,
  certificate: PresentedCertificate | undefined,
): PresentedCertificate {
  const refuseCertificate = (code: string, message: string): never => {
    const error =
      settings.certificateErrors === '3.0'
        ? { Code: code, Title: 'Transport certificate error', Message: message }
        : { code, message: 'Transport certificate error', description: message }
    throw new Refusal(json(401, { errors: [error] }))
  }
  const invalid = 'Invalid mutual TLS request. Client certificate is'
  if (!certificate) return refuseCertificate('200007', `${invalid} missing`)
  if (!certificate.trusted) refuseCertificate('200003', `${invalid} invalid`)
  if (certificate.expiresAt <= clock.now()) refuseCertificate('200008', `${invalid} expired`)
  return certificate
}

function refuseCall(gateway: Gateway, code: number): never {
  throw new Refusal(encodeFault(gateway, code))
}

interface FaultText {
  readonly status: number
  readonly message: string
  readonly description: string
}

const faults: Readonly<Record<number, FaultText>> = {
  900900: {
    status: 500,
    message: 'Unclassified Authentication Failure',
    description: 'Unclassified Authentication Failure',
  },
  900901: {
    status: 401,
    message: 'Invalid Credentials',
    description: 'Access failure',
  },
  900902: {
    status: 401,
    message: 'Missing Credentials',
    description:
      'Invalid Credentials. Make sure your API invocation call has a header: "Authorization : Bearer ACCESS_TOKEN"',
  },
  900905: { status: 401, message: 'Incorrect Access Token Type is provided', description: 'Access failure for API' },
  900906: {
    status: 403,
    message: 'No matching resource found in the API for the given request',
    description: 'Access failure for API',
  },
  900907: { status: 401, message: 'The requested API is temporarily blocked', description: 'API blocked' },
  900908: {
    status: 403,
    message: 'Resource forbidden ',
    description: 'User is NOT authorized to access the Resource. API Subscription validation failed.',
  },
  900909: { status: 401, message: 'The subscription to the API is inactive', description: 'Access failure for API' },
  900910: {
    status: 403,
    message: 'The access token does not allow you to access the requested resource',
    description: 'User is NOT authorized to access the Resource. Scope validation failed.',
  },
  900911: {
    status: 401,
    message: 'Invalid mutual TLS authentication',
    description: 'Mutual SSL authentication failure',
  },
  900800: { status: 429, message: 'Message throttled out', description: 'You have exceeded your quota' },
  900801: { status: 503, message: 'Hard limit exceeded', description: 'API is being throttled' },
  700700: {
    status: 503,
    message: 'API blocked',
    description: 'This API has been blocked temporarily. Please try again later or contact the system administrators.',
  },
}

/** 900912 to 900917 are combinations of the mutual TLS faults; 9008xx is throttling. */
function faultText(code: number): FaultText {
  const status = String(code).startsWith('9008') ? 429 : 401
  return faults[code] ?? { status, message: 'Access failure', description: `Access failure for API (${code})` }
}

function encodeFault({ settings }: Gateway, code: number): Answer {
  const { status, message, description } = faultText(code)
  const challenge = status === 401 ? challengeHeader(settings) : {}
  const type = settings.gatewayContentType === undefined ? {} : { 'content-type': settings.gatewayContentType }
  const headers = { ...challenge, ...type }
  if (settings.gatewayFault === 'fault') return json(status, { fault: { code, message, description } }, headers)
  if (settings.gatewayFault === 'json') {
    const worded = code === 900901 ? 'Invalid JWT token.' : description
    return json(status, { code: String(code), message, description: worded }, headers)
  }
  const answer = text(status, xmlFault(code, message, description), 'application/xml; charset=UTF-8')
  return { ...answer, headers: { ...answer.headers, ...headers } }
}

function xmlFault(code: number, message: string, description: string): string {
  const escapeText = (value: string) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const namespace = 'http://wso2.org/apimanager/security'
  return (
    `<ams:fault xmlns:ams="${namespace}"><ams:code>${code}</ams:code><ams:message>${escapeText(message)}</ams:message>` +
    `<ams:description>${escapeText(description)}</ams:description></ams:fault>`
  )
}

/** Header values as observed on real gateways; most are not valid by RFC 9110 §11.6.1, which is the point. */
function challengeHeader({ gatewayChallenge }: GatewaySettings): Record<string, string> {
  const realm = 'realm="WSO2 API Manager"'
  const invalid = 'error="invalid_token", error_description="The provided token is invalid"'
  const values = {
    '2.x': `OAuth2 ${realm}, error="invalid token", error_description="The access token expired"`,
    '3.x': `OAuth2 ${realm}, error="invalid_token", error_description="The access token expired"`,
    '4.x': `Internal API Key ${realm}, Bearer ${realm}, ${invalid}`,
    'null-bearer': `null Bearer ${realm}, ${invalid}`,
    'basic-auth': `OAuth2 ${realm} Basic Auth ${realm} null, ${invalid}`,
  }
  return gatewayChallenge === 'none' ? {} : { 'www-authenticate': values[gatewayChallenge] }
}
