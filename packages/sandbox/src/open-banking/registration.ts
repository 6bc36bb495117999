/** Dynamic registration at the gateway: the software's signed request, vouched for by a directory's statement. */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { type Answer, json, Refusal, text } from '../answer.js'
import { type ParsedJwt, parseJwt, signJwt, verifyJwt } from '../jwt.js'
import type { ReceivedRequest } from '../record.js'
import type { Route } from '../server.js'
import { authorizeCall, type Gateway, requireCertificate } from './gateway.js'

const base = '/open-banking/v3.3.0/register'

/** How the gateway takes registrations. */
export interface RegistrationSettings {
  /** `Content-Type` of a request that registers. Default `application/jwt`; pages of 4.x have `application/json`. */
  registrationContentType: 'application/jwt' | 'application/json'
}

/** What the directory knows of the software, and where it registers. */
export interface Registration {
  readonly path: string
  readonly softwareId: string
  /** The SSA: a JWT of the directory. */
  readonly softwareStatement: string
  readonly routes: readonly Route[]
}

/** The gateway's registration API, for the software of the one client: it is that client's id which is issued. */
export function registration(gateway: Gateway & { readonly settings: RegistrationSettings }): Registration {
  const directory = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const softwareId = '9b5usDpbNtmxDcTzs7GzKp'
  const { client } = gateway.store
  const software = {
    iss: 'OpenBanking Ltd',
    iat: Math.floor(gateway.clock.now() / 1000),
    jti: randomUUID(),
    software_id: softwareId,
    software_client_name: 'Sandbox TPP',
    software_redirect_uris: [...client.redirectUris],
    software_roles: ['AISP', 'PISP'],
  }
  const softwareStatement = signJwt({ alg: 'ES256', typ: 'JWT' }, software, directory.privateKey)
  let registered: object | undefined
  const readRequest = (request: ReceivedRequest, contentType: string) => {
    const jwt = readSigned(gateway, request, contentType)
    const statement = parseJwt(String(jwt.claims.software_statement))
    if (statement === undefined || !verifyJwt(statement, directory.publicKey))
      return refuse('invalid_software_statement', 'Invalid software statement')
    if (jwt.claims.iss !== statement.claims.software_id) refuse('invalid_client_metadata', 'Invalid issuer')
    checkRedirects(jwt, statement)
    return describe(jwt, client.id)
  }
  const ofClient = (handle: (request: ReceivedRequest) => Answer) => (request: ReceivedRequest) => {
    authorizeCall(gateway, request, { tokenType: 'Application', scope: undefined })
    if (registered === undefined || request.path !== `${base}/${client.id}`)
      throw new Refusal(json(401, { error: 'unauthorized_request', error_description: 'Client id is not registered' }))
    return handle(request)
  }
  const one = { kind: 'registration', matches: (path: string) => path.startsWith(`${base}/`) } as const
  const routes: Route[] = [
    {
      ...one,
      method: 'POST',
      matches: path => path === base,
      handle(request) {
        requireCertificate(gateway, request.clientCertificate)
        registered = readRequest(request, gateway.settings.registrationContentType)
        return json(201, { ...registered, client_secret: client.secret, client_secret_expires_at: 0 })
      },
    },
    { ...one, method: 'GET', handle: ofClient(() => json(200, registered)) },
    {
      ...one,
      method: 'PUT',
      handle: ofClient(request => {
        registered = readRequest(request, 'application/jwt')
        return json(200, registered)
      }),
    },
    {
      ...one,
      method: 'DELETE',
      handle: ofClient(() => {
        registered = undefined
        return { status: 204 }
      }),
    },
  ]
  return { path: base, softwareId, softwareStatement, routes }
}

/** A JWT that the software's published key has signed, in time and for the first time. */
function readSigned({ store, clock }: Gateway, { headers, body }: ReceivedRequest, contentType: string): ParsedJwt {
  if (headers['content-type'] !== contentType) throw new Refusal(text(415, 'Unsupported Media Type'))
  const jwt = parseJwt(body)
  if (jwt === undefined) return refuse('invalid_client_metadata', 'Malformed request JWT')
  const { header, claims } = jwt
  const key = store.client.keys.find(({ kid }) => kid === header.kid)
  if (!['PS256', 'ES256'].includes(String(header.alg)) || key === undefined || !verifyJwt(jwt, key.publicKey))
    refuse('invalid_client_metadata', 'Invalid request signature')
  for (const name of ['iss', 'iat', 'exp', 'jti', 'aud'])
    if (claims[name] === undefined) refuse('invalid_client_metadata', `Required parameter ${name} cannot be null`)
  if (Number(claims.exp) * 1000 <= clock.now()) refuse('invalid_client_metadata', 'Request JWT is expired')
  const jti = String(claims.jti)
  if (store.usedJtis.has(jti))
    refuse('invalid_client_metadata', 'JTI value of the registration request has been replayed')
  store.usedJtis.set(jti, true)
  return jwt
}

function checkRedirects({ claims }: ParsedJwt, statement: ParsedJwt): void {
  const allowed = statement.claims.software_redirect_uris as readonly unknown[]
  const asked = claims.redirect_uris
  if (!Array.isArray(asked) || asked.length === 0 || !asked.every(uri => allowed.includes(uri)))
    refuse('invalid_redirect_uri', 'Redirect URIs do not match with the software statement')
}

/** The claims of the request that are metadata, and the client they are of. */
function describe({ claims }: ParsedJwt, clientId: string): object {
  const { iss, aud, jti, exp, iat, ...asked } = claims
  return { ...asked, client_id: clientId, client_id_issued_at: iat }
}

function refuse(error: string, description: string): never {
  throw new Refusal(json(400, { error, error_description: description }))
}
