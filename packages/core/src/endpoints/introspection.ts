/** The introspection endpoint (RFC 7662, RFC 9701): what the server knows of a token, asked by the API that was shown it. */
import type { JsonValue } from '../additional.js'
import { type AnswerShape, json, jwt } from '../answer-shape.js'
import { isObject, kindOf } from '../body.js'
import type { Client } from '../client.js'
import { isResponseJwt } from '../client-metadata.js'
import { sendToEndpoint } from '../endpoint.js'
import { ValidationError } from '../errors.js'
import { checkAnswerClaims } from '../jwt-claims.js'
import { checkCredential, checkOptions, checkText } from '../options.js'
import { readSignedJwt } from '../signed-jwt.js'
import { checkIsClient } from './check-client.js'

/** Which token is asked about. */
export interface IntrospectTokenOptions {
  /** The access token or refresh token. */
  readonly token: string
  /** Where the server looks first, such as `access_token`. Default: none is sent, and the server finds out. */
  readonly tokenTypeHint?: 'access_token' | 'refresh_token' | (string & {}) | undefined
}

/** A token that is good now, by the names of RFC 7662 §2.2; instants in epoch seconds. What is not named here is there too. */
export interface ActiveToken {
  /** Tells it from one that is not active. */
  readonly active: true
  /** Single blanks between its values. */
  readonly scope?: string
  /** Who it was issued to. */
  readonly client_id?: string
  /** Of the user, for people to read. */
  readonly username?: string
  /** Such as `Bearer` or `DPoP`. */
  readonly token_type?: string
  /** When it ends. */
  readonly exp?: number
  /** When it was issued. */
  readonly iat?: number
  /** When it begins. */
  readonly nbf?: number
  /** Whose it is, for programs. */
  readonly sub?: string
  /** Which APIs it is for. */
  readonly aud?: string | readonly string[]
  /** Who issued it. */
  readonly iss?: string
  /** Names it. */
  readonly jti?: string
  /** What it is bound to: `x5t#S256` a certificate (RFC 8705 §3.2), `jkt` a key (RFC 9449 §6.2). */
  readonly cnf?: { readonly [member: string]: JsonValue }
  /** What the user agreed to. @see RFC 9396 §9.2 */
  readonly authorization_details?: readonly { readonly [member: string]: JsonValue }[]
  /** How the user was authenticated. @see RFC 9470 §6.2 */
  readonly acr?: string
  /** When the user was authenticated. @see RFC 9470 §6.2 */
  readonly auth_time?: number
  /** Whatever else the server says, unchecked. */
  readonly [member: string]: JsonValue | undefined
}

/** What the server says of a token. Nothing is told of one that is not active: unknown, expired, revoked or not for the asker. */
export type Introspection = ActiveToken | { readonly active: false }

/**
 * Asks what a token is good for. That it is not active is an answer and no error. Nothing is kept: a token may be revoked
 * at any time, so how long an answer may serve is yours to decide.
 *
 * A client that is registered for signed or encrypted answers (`introspection_signed_response_alg` and so on, in its
 * `metadata`) takes no others.
 *
 * @throws ValidationError naming the member that is of the wrong kind, or what of a signed answer does not hold;
 *   AuthorizationServerError when the server refuses the
 *   asker; TransportError; TokenResponseError when the answer is none; TypeError naming an option, or the endpoint that the
 *   metadata lacks
 * @see RFC 7662 §2, RFC 9701 §5
 */
export async function introspectToken(client: Client, options: IntrospectTokenOptions): Promise<Introspection> {
  checkIsClient(client, 'introspectToken(client, { token })')
  checkOptions('introspectToken', options, ['token', 'tokenTypeHint'])
  const { token, tokenTypeHint } = options
  checkCredential('token', token)
  if (tokenTypeHint !== undefined) checkText('tokenTypeHint', tokenTypeHint)
  return sendToEndpoint(client, {
    endpoint: 'introspection_endpoint',
    parameters: () => ({ token, token_type_hint: tokenTypeHint }),
    resend: 'always',
    accepts: [isResponseJwt(client.metadata, 'introspection') ? signed(client) : plain],
  })
}

const plain: AnswerShape<Introspection> = json(async ({ body }) => readIntrospection(body))

/** An answer that is also good for those who were not there (RFC 9701 §5). */
function signed(client: Client): AnswerShape<Introspection> {
  const typ = 'token-introspection+jwt'
  return jwt(`application/${typ}`, async text => {
    const what = 'introspection response'
    const { claims } = await readSignedJwt(client, text, { what, kind: 'introspection', typ })
    checkAnswerClaims({ client, what, claims }, ['iss', 'aud', 'iat'])
    if (!isObject(claims.token_introspection))
      throw new ValidationError('token_introspection', `expected an object, got ${kindOf(claims.token_introspection)}`)
    return readIntrospection(claims.token_introspection)
  })
}

/** Refuses what does not say whether the token is active, and members of another kind than their RFC gives them. */
export function readIntrospection(answer: unknown): Introspection {
  if (!isObject(answer)) throw new ValidationError('active', `expected an object, got ${kindOf(answer)}`)
  // some write null where there is nothing to say
  const said = Object.entries(answer).filter(([, value]) => value !== null && value !== undefined)
  const members = Object.fromEntries(said) as ActiveToken
  if (typeof members.active !== 'boolean') throw wrong('active', 'true or false', members.active)
  if (!members.active) return { active: false }
  for (const [name, [wanted, fits]] of Object.entries(kinds))
    if (members[name] !== undefined && !fits(members[name])) throw wrong(name, wanted, members[name])
  return members
}

function wrong(name: string, wanted: string, value: unknown): ValidationError {
  return new ValidationError(name, `expected ${wanted}, got ${kindOf(value)}`)
}

type Kind = readonly [name: string, fits: (value: unknown) => boolean]

const text: Kind = ['a text', value => typeof value === 'string']
const seconds: Kind = ['epoch seconds', Number.isFinite]
const object: Kind = ['an object', isObject]
const texts: Kind = ['a text or a list of texts', value => [value].flat().every(one => typeof one === 'string')]
const objects: Kind = ['a list of objects', value => Array.isArray(value) && value.every(isObject)]

const kinds: Readonly<Record<string, Kind>> = {
  scope: text,
  client_id: text,
  username: text,
  token_type: text,
  exp: seconds,
  iat: seconds,
  nbf: seconds,
  sub: text,
  aud: texts,
  iss: text,
  jti: text,
  cnf: object,
  authorization_details: objects,
  acr: text,
  auth_time: seconds,
}
