/** `jwt-bearer`: a token for a JWT that says about whom it is (RFC 7523 §2.1), made elsewhere or signed here. */
import { signAssertion } from '../assertion.js'
import {
  type AssertionOptions,
  assertionOptionNames,
  audienceOf,
  checkAssertionOptions,
  readClaims,
} from '../client-auth/assertion-auth.js'
import { checkCredential, checkFunction, checkOptions, checkText, optionError } from '../options.js'
import type { Parameters } from '../provider.js'
import { fingerprint, identityOf, type Secret, sha256 } from '../secret.js'
import type { Signer } from '../signer.js'
import { type Grant, type GrantContext, type GrantOptions, grantOptionNames, grantParameters } from './grant.js'
import { checkPresented, identityOfPresented, readPresented } from './presented-token.js'

/** An assertion from elsewhere. */
export interface GivenAssertionOptions extends GrantOptions {
  /** The signed JWT, or an async function that is asked for it before each attempt. */
  readonly assertion: Secret
  /**
   * Names what a function yields, such as the user it is about, so that processes share the tokens. Default: this very
   * function, in this process alone.
   */
  readonly identity?: string | undefined
}

/** An assertion that is signed here, anew for each attempt. */
export interface SignedAssertionOptions extends GrantOptions, AssertionOptions {
  /** Signs it: `signer({ key, alg, kid })`. */
  readonly signer: Signer
  /** `iss`. Default: the client's id. */
  readonly issuer?: string | undefined
  /** `sub`: whom the token is about. Default: the client's id. */
  readonly subject?: string | undefined
  /**
   * `aud`: a value, or a function of the token endpoint's URL. Default: what the provider's client assertions say, else the
   * issuer.
   */
  readonly audience?: AssertionOptions['audience']
  /** Header `typ`. Default `authorization-grant+jwt` (RFC 10070); `JWT` for servers that know no other. */
  readonly typ?: string | undefined
  /** Names what a function of claims yields, so that processes share the tokens. Default: in this process alone. */
  readonly identity?: string | undefined
}

/** What {@link jwtBearer} takes. */
export type JwtBearerOptions = GivenAssertionOptions | SignedAssertionOptions

/**
 * Asks for a token with a JWT about somebody. A token source renews by it: with the next assertion that a function yields,
 * or one that is signed anew.
 *
 * @throws TypeError naming the option
 * @see RFC 7523 §2.1, RFC 7521 §4.1
 */
export function jwtBearer(options: JwtBearerOptions): Grant {
  checkOptions('jwtBearer', options, optionNames)
  if (options.identity !== undefined) checkText('identity', options.identity)
  if ('signer' in options && options.signer !== undefined) return bySigner(options)
  const stray = signedNames.find(name => name in options)
  if (stray !== undefined) throw optionError(stray, 'is for an assertion that is signed here: give signer too')
  return byAssertion(options as GivenAssertionOptions)
}

const signedNames = ['signer', 'issuer', 'subject', ...assertionOptionNames] as const
const optionNames = [...grantOptionNames, 'assertion', 'identity', ...signedNames] as const

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

function byAssertion(options: GivenAssertionOptions): Grant {
  const { assertion, identity } = options
  checkPresented('assertion', assertion)
  if (typeof assertion === 'object') throw optionError('assertion', 'must be a JWT, or a function that returns one')
  const parameters = grantParameters(options, { assertion: undefined })
  return {
    grantType,
    identity: { ...parameters, assertion: identityOfPresented(assertion, identity) },
    parameters: async () => ({ ...parameters, assertion: await readPresented('assertion', assertion) }),
    // one that is given as it is may be good for one use
    resend: typeof assertion === 'string' ? 'unsent' : 'always',
  }
}

function bySigner(options: SignedAssertionOptions): Grant {
  const { signer, issuer, subject } = options
  if ('assertion' in options) throw optionError('assertion', 'is given twice; remove either assertion or signer')
  checkFunction('signer.signJwt', Object(signer).signJwt)
  if (issuer !== undefined) checkCredential('issuer', issuer)
  if (subject !== undefined) checkCredential('subject', subject)
  checkAssertionOptions(options)
  const parameters = grantParameters(options, { assertion: undefined })
  return {
    grantType,
    identity: { ...parameters, ...identityOfSigned(options) },
    parameters: async context => ({ ...parameters, assertion: await signed(options, context) }),
    resend: 'always',
  }
}

function signed(options: SignedAssertionOptions, { client, endpoint }: GrantContext): Promise<string> {
  const { signer, issuer = client.id, subject = client.id, header = {} } = options
  const { typ = 'authorization-grant+jwt', clockSkewSeconds = 0 } = options
  const { lifetimeSeconds = client.provider.conform.clientAssertion?.lifetimeSeconds ?? 60 } = options
  const audience = audienceOf(options, client.provider, endpoint, 'token_endpoint')
  const claims = readClaims(options)
  const assertion = { issuer, subject, audience, typ, lifetimeSeconds, clockSkewSeconds, header, claims }
  return signAssertion(signer, assertion, client.clock)
}

/** Names are shown; claims may say more of somebody, and are not. What is not the same in every process stays in this one. */
function identityOfSigned(options: SignedAssertionOptions): Parameters {
  const { signer, issuer, subject, audience, claims, identity } = options
  const isOurs = (value: unknown): value is object => typeof value === 'function'
  const nameOf = (value: unknown) => (isOurs(value) ? fingerprint(identityOf(value)) : sha256(JSON.stringify(value)))
  const named = identity === undefined ? undefined : sha256(identity)
  return {
    issuer,
    subject,
    audience: typeof audience === 'string' ? audience : undefined,
    claims: named ?? (claims && nameOf(claims)),
    signer: named ?? (signer.identity.startsWith('#') ? fingerprint(signer.identity) : signer.identity),
  }
}
