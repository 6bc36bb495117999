/** The access and refresh tokens a server has issued, and whether they still live. */
import { BoundedMap } from './record.js'

/** An access token as the server remembers it. Times are epoch milliseconds of the sandbox. */
export interface IssuedToken {
  /** The token as the client got it. */
  readonly token: string
  /** The client it was issued to. */
  readonly clientId: string
  /** The client id for an application, the user otherwise. */
  readonly subject: string
  /** Space-separated, as granted. */
  readonly scope: string
  /** When it was issued. */
  readonly issuedAt: number
  /** When it expires. */
  readonly expiresAt: number
  /** A person approved it, so it is not an application token. */
  readonly isUserToken: boolean
  /** `x5t#S256` of the certificate it is bound to. */
  readonly certificateThumbprint: string | undefined
  /** The consent it stands on, where there is one. */
  readonly consentId: string | undefined
  /** Whether it was killed. */
  revoked: boolean
}

/** A refresh token and what it may be exchanged for. */
export interface IssuedRefreshToken {
  readonly token: string
  readonly clientId: string
  readonly subject: string
  readonly scope: string
  readonly expiresAt: number
  readonly consentId: string | undefined
  /** The access token of the last exchange; it dies with the next one. */
  accessToken: IssuedToken
  revoked: boolean
}

const limit = 10_000

/** Bounded: the oldest of more than 10,000 is forgotten, and then unknown. */
export class AccessTokens {
  readonly #access = new BoundedMap<IssuedToken>(limit)
  readonly #refresh = new BoundedMap<IssuedRefreshToken>(limit)

  add(token: IssuedToken): IssuedToken {
    this.#access.set(token.token, token)
    return token
  }

  addRefresh(token: IssuedRefreshToken): IssuedRefreshToken {
    this.#refresh.set(token.token, token)
    return token
  }

  all(): IssuedToken[] {
    return [...this.#access.values()]
  }

  find(token: string): IssuedToken | undefined {
    return this.#access.get(token)
  }

  findRefresh(token: string): IssuedRefreshToken | undefined {
    return this.#refresh.get(token)
  }

  /** Alive and known; a token is dead from the moment it expires. */
  findActive(token: string, now: number): IssuedToken | undefined {
    const found = this.#access.get(token)
    return found && !found.revoked && found.expiresAt > now ? found : undefined
  }

  revoke(token: string): boolean {
    const found = this.#access.get(token) ?? this.#refresh.get(token)
    if (found) found.revoked = true
    return found !== undefined
  }

  /** Everything issued under one consent, as WSO2 Open Banking does when one of its tokens is revoked. */
  revokeConsent(consentId: string): void {
    for (const token of [...this.#access.values(), ...this.#refresh.values()]) {
      if (token.consentId === consentId) token.revoked = true
    }
  }

  revokeAll(): void {
    for (const token of [...this.#access.values(), ...this.#refresh.values()]) token.revoked = true
  }
}
