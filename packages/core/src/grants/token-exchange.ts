/** Token exchange: another token for one that is held, the caller's own or somebody's (RFC 8693). */
import { ValidationError } from '../errors.js'
import { checkOptions, checkText, oneOf, optionError } from '../options.js'
import type { Parameters } from '../provider.js'
import type { TokenSet } from '../token-set.js'
import { type Grant, type GrantOptions, grantOptionNames, grantParameters } from './grant.js'
import { checkPresented, identityOfPresented, type PresentedToken, readPresented } from './presented-token.js'

/** What kind of token it is: a name of the RFC's own kinds, or a URI. @see RFC 8693 §3 */
export type TokenType = 'access_token' | 'refresh_token' | 'id_token' | 'saml1' | 'saml2' | 'jwt' | (string & {})

/** Which token is exchanged, and for what. */
export interface TokenExchangeOptions extends GrantOptions {
  /**
   * Whom the new token is about: the token, an async function that is asked for it before each attempt, or a token source
   * that is.
   */
  readonly subjectToken: PresentedToken
  /** What the subject token is. Default `access_token`; of a source, that or its `id_token`. */
  readonly subjectTokenType?: TokenType | undefined
  /** Who acts for the subject, where that is somebody else; given as the subject token is. */
  readonly actorToken?: PresentedToken | undefined
  /** What the actor token is. Default `access_token`. */
  readonly actorTokenType?: TokenType | undefined
  /** What is asked for. Default: the server decides. */
  readonly requestedTokenType?: TokenType | undefined
  /** Names of the services the new token is for; an API's URL goes into `resource`. */
  readonly audience?: string | readonly string[] | undefined
  /**
   * Names what functions yield, such as the user whose token it is, so that processes share what was exchanged. Default:
   * these very functions, in this process alone.
   */
  readonly identity?: string | undefined
}

/**
 * Exchanges a token. What was issued instead is the `accessToken` of the answer, whose kind is in
 * `additional.issued_token_type`. A token source renews by it: it takes a subject token anew.
 *
 * @throws TypeError naming the option
 * @see RFC 8693 §2
 */
export function tokenExchange(options: TokenExchangeOptions): Grant {
  checkOptions('tokenExchange', options, optionNames)
  const { identity, requestedTokenType, audience } = options
  if (identity !== undefined) checkText('identity', identity)
  const subject = readToken('subjectToken', options.subjectToken, options.subjectTokenType)
  const actor = readActor(options)
  const requested = requestedTokenType && tokenTypeUri('requestedTokenType', requestedTokenType)
  const parameters = grantParameters(options, {
    audience: readAudience(audience),
    requested_token_type: requested,
    subject_token: undefined,
    subject_token_type: subject.type,
    actor_token: undefined,
    actor_token_type: actor?.type,
  })
  return {
    grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
    identity: {
      ...parameters,
      subject_token: identityOfPresented(subject.token, identity),
      actor_token: actor && identityOfPresented(actor.token, identity),
    },
    parameters: async () => ({
      ...parameters,
      subject_token: await subject.read(),
      actor_token: await actor?.read(),
    }),
    resend: 'always',
    validate: tokenSet => checkIssued(tokenSet, requested),
  }
}

const optionNames = [
  ...grantOptionNames,
  'subjectToken',
  'subjectTokenType',
  'actorToken',
  'actorTokenType',
  'requestedTokenType',
  'audience',
  'identity',
] as const

/** A token of a request, and what it is on the wire. */
interface ExchangedToken {
  readonly token: PresentedToken
  readonly type: string
  readonly read: () => Promise<string>
}

function readToken(
  option: 'subjectToken' | 'actorToken',
  token: PresentedToken,
  given: TokenType = 'access_token',
): ExchangedToken {
  checkPresented(option, token)
  const type = tokenTypeUri(`${option}Type`, given)
  const member = membersByType[type]
  if (typeof token === 'object' && member === undefined)
    throw optionError(
      `${option}Type`,
      'of a token source must be access_token, jwt or id_token; for others give a function',
    )
  return { token, type, read: () => readPresented(option, token, member) }
}

function readActor({ actorToken, actorTokenType }: TokenExchangeOptions): ExchangedToken | undefined {
  if (actorToken !== undefined) return readToken('actorToken', actorToken, actorTokenType)
  if (actorTokenType !== undefined) throw optionError('actorTokenType', 'is given without actorToken')
  return undefined
}

const ownKinds = ['access_token', 'refresh_token', 'id_token', 'saml1', 'saml2', 'jwt']
const kindsPrefix = 'urn:ietf:params:oauth:token-type:'

function tokenTypeUri(option: string, type: unknown): string {
  checkText(option, type)
  if (ownKinds.includes(type)) return kindsPrefix + type
  if (!/^[a-z][a-z0-9+.-]*:\S+$/i.test(type)) throw optionError(option, `must be a URI, or ${oneOf(ownKinds, type)}`)
  return type
}

/** What a source yields of each kind. A refresh token is not among them: it is the source's alone. */
const membersByType: Readonly<Record<string, (tokenSet: TokenSet) => string | undefined>> = {
  [`${kindsPrefix}access_token`]: ({ accessToken }) => accessToken,
  [`${kindsPrefix}jwt`]: ({ accessToken }) => accessToken,
  [`${kindsPrefix}id_token`]: ({ idToken }) => idToken,
}

function readAudience(audience: TokenExchangeOptions['audience']): Parameters[string] {
  if (audience === undefined) return undefined
  for (const one of [audience].flat()) checkText('audience', one)
  return audience
}

/** A server that names what it issued has to name what was asked for (RFC 8693 §2.2.1); some name nothing. */
function checkIssued({ additional }: TokenSet, requested: string | undefined): void {
  const { issued_token_type: issued } = additional
  if (issued === undefined || requested === undefined) return
  const kind = typeof issued === 'string' ? kindOf(issued) : ''
  if (kind === kindOf(requested)) return
  const came = ownKinds.includes(kind) ? kind : 'another one'
  throw new ValidationError('issued_token_type', `is ${came}; ${kindOf(requested)} was asked for`)
}

/** An access token may be a JWT, and be called either. */
function kindOf(type: string): string {
  const kind = type.replace(kindsPrefix, '')
  return kind === 'jwt' ? 'access_token' : kind
}
