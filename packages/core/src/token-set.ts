/** What is held of a token response: the tokens, which printing does not show, and what is known of them. */
import { type AdditionalMembers, noMembers } from './additional.js'
import type { AccessTokenType } from './binding.js'
import { copyForLogs } from './secret.js'

/** What a token set is made of, for tests and for sources of your own. */
export interface TokenSetMembers {
  /** The access token, as it goes into `Authorization`. */
  readonly accessToken: string
  /** How it is sent. Default `Bearer`. */
  readonly tokenType?: AccessTokenType | undefined
  /** The thumbprint of the DPoP key it is bound to. Default: of that of the source's client, where it is a DPoP token. */
  readonly jkt?: string | undefined
  /** The refresh token, where one came. */
  readonly refreshToken?: string | undefined
  /** The ID token as received, not verified. */
  readonly idToken?: string | undefined
  /** Just before it was asked for, in epoch milliseconds. */
  readonly obtainedAt: number
  /** When the access token expires, in epoch milliseconds; `undefined` when it is not known. */
  readonly expiresAt?: number | undefined
  /** When the refresh token expires, in epoch milliseconds; `undefined` when it is not known. */
  readonly refreshTokenExpiresAt?: number | undefined
  /** The scope granted, single blanks between its values. */
  readonly scope?: string | undefined
  /** What was asked for and not granted. Default: nothing. */
  readonly missingScope?: readonly string[] | undefined
  /** The claims of the ID token, once they were checked. Default: none were. */
  readonly idTokenClaims?: IdTokenClaims | undefined
  /** The further members of the answer by their names on the wire. Default: none. */
  readonly additional?: AdditionalMembers | undefined
}

/** What programs without types read of the promise of a token set, when they forget to await it. */
export const unawaited = { members: ['accessToken', 'refreshToken', 'expiresAt', 'scope'], enumerable: false }

/**
 * What an ID token says of a login, checked. Further claims are there as they came.
 *
 * @see OpenID Connect Core §2, §5.1
 */
export interface IdTokenClaims {
  /** The server's issuer. */
  readonly iss: string
  /** The user, as the server names them. */
  readonly sub: string
  /** The client, and maybe others. */
  readonly aud: string | readonly string[]
  /** When it expires, in seconds since the epoch. */
  readonly exp: number
  /** When it was issued, in seconds since the epoch. */
  readonly iat: number
  /** When the user logged in, in seconds since the epoch. */
  readonly auth_time?: number
  /** `nonce` of the authorization request. */
  readonly nonce?: string
  /** The authentication context class that was met. */
  readonly acr?: string
  /** The client it was issued to. */
  readonly azp?: string
  /** The session at the server, by which a logout token names it. @see OpenID Connect Back-Channel Logout 1.0 §2.1 */
  readonly sid?: string
  /** Further claims, as they came. */
  readonly [claim: string]: unknown
}

/** One for all: most token sets miss nothing. */
const noScope: readonly string[] = Object.freeze([])

/** What few token sets have: together it takes one place in memory, and none in those that have nothing of it. */
interface More {
  readonly idToken?: string | undefined
  readonly idTokenClaims?: IdTokenClaims | undefined
  readonly jkt?: string | undefined
  readonly additional: AdditionalMembers
}

const nothingMore: More = Object.freeze({ additional: noMembers })

function moreIn({ idToken, idTokenClaims, jkt, additional = noMembers }: TokenSetMembers): More {
  const isNothing = additional === noMembers && (idToken ?? idTokenClaims ?? jkt) === undefined
  return isNothing ? nothingMore : { idToken, idTokenClaims, jkt, additional }
}

/** Notes the claims of a token set's ID token, once they were checked. */
export let keepIdTokenClaims: (tokenSet: TokenSet, claims: IdTokenClaims | undefined) => void

/** An access token and what came with it. The tokens are read by name; printing shows none of them. */
export class TokenSet {
  readonly #accessToken: string
  readonly #refreshToken: string | undefined
  #more: More
  /** The scheme of the `Authorization` header (RFC 6750 §2.1, RFC 9449 §7.1). */
  readonly tokenType: AccessTokenType
  /** Just before it was asked for, in epoch milliseconds: lifetimes count from here. */
  readonly obtainedAt: number
  /** In epoch milliseconds; `undefined` when the server did not say, or said never. */
  readonly expiresAt: number | undefined
  /** In epoch milliseconds; `undefined` when there is no refresh token or the server did not say. */
  readonly refreshTokenExpiresAt: number | undefined
  /** The scope granted, single blanks between its values; `undefined` when neither side named any. */
  readonly scope: string | undefined
  /** What was asked for and not granted. */
  readonly missingScope: readonly string[]

  static {
    keepIdTokenClaims = (tokenSet, idTokenClaims) => {
      tokenSet.#more = { ...tokenSet.#more, idTokenClaims }
    }
  }

  constructor(members: TokenSetMembers) {
    this.#accessToken = members.accessToken
    this.#refreshToken = members.refreshToken
    this.#more = moreIn(members)
    this.tokenType = members.tokenType ?? 'Bearer'
    this.obtainedAt = members.obtainedAt
    this.expiresAt = members.expiresAt
    this.refreshTokenExpiresAt = members.refreshTokenExpiresAt
    this.scope = members.scope
    this.missingScope = members.missingScope ?? noScope
  }

  /** As received. Printing a token set shows a short hash instead. */
  get accessToken(): string {
    return this.#accessToken
  }

  /** As received; `undefined` when there is none. */
  get refreshToken(): string | undefined {
    return this.#refreshToken
  }

  /** As received: with an application token it says nothing about a user. What a login's was checked to say: {@link idTokenClaims}. */
  get idToken(): string | undefined {
    return this.#more.idToken
  }

  /** The thumbprint of the DPoP key that the tokens are bound to; `undefined` when they are bound to none. */
  get jkt(): string | undefined {
    return this.#more.jkt
  }

  /**
   * The claims of the ID token, frozen, where it was checked: that of a login, or of the last refresh that brought one,
   * with `auth_time` and `nonce` of the login where it leaves them out. `undefined` for whatever came without a login.
   * Printing shows none.
   */
  get idTokenClaims(): IdTokenClaims | undefined {
    return this.#more.idTokenClaims
  }

  /**
   * The further members of the answer by their names on the wire, such as `instance_url` or a consent id; those of a login
   * stay when a refresh does not name them. JSON values, frozen, 8 KiB at most; members named like a token or a secret are
   * left out. Printing shows none.
   */
  get additional(): AdditionalMembers {
    return this.#more.additional
  }

  /** A copy for logs: a short hash stands for each token. */
  toJSON(): Record<string, unknown> {
    const { accessToken, refreshToken, idToken, jkt } = this
    return { ...copyForLogs(this, { accessToken, refreshToken, idToken }), ...(jkt !== undefined && { jkt }) }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON()
  }
}
