/** What the authorization server knows of every refresh token it issued: who redeemed it, how often, and what came next. */

/** One request that brought a refresh token. */
export interface Redemption {
  /** The worker that sent it. */
  readonly by: string
  /** When it was processed, in epoch milliseconds. */
  readonly at: number
  /** What it was answered with; `undefined`: it was refused. */
  readonly successor: string | undefined
}

/** A login: the refresh tokens that came of it, one after the other. */
export interface Family {
  readonly subject: string
  /** Oldest first. */
  readonly refreshTokens: readonly { readonly token: string; readonly redemptions: readonly Redemption[] }[]
  /** When it was revoked because a refresh token came a second time. */
  readonly revokedAt: number | undefined
}

/** The sum of it. */
export interface LedgerSummary {
  readonly families: number
  readonly revokedFamilies: number
  /** Refresh tokens that were issued. */
  readonly issued: number
  /** Refresh tokens that were redeemed at least once: one for each renewal. */
  readonly redeemed: number
  /** Requests that brought one of them. */
  readonly redemptions: number
  /** Of one refresh token. */
  readonly mostRedemptions: number
  /** Refresh tokens that came more than once. */
  readonly redeemedAgain: number
}

/** Why an access token was not good at an instant. */
export type Verdict = 'alive' | 'expired' | 'revoked' | 'unknown'

interface AccessToken {
  readonly family: string
  readonly issuedAt: number
}

interface OpenFamily {
  readonly subject: string
  readonly refreshTokens: { readonly token: string; readonly redemptions: Redemption[] }[]
  revokedAt: number | undefined
}

export class Ledger {
  readonly #families = new Map<string, OpenFamily>()
  readonly #redemptions = new Map<string, Redemption[]>()
  readonly #accessTokens = new Map<string, AccessToken>()
  readonly #lifetimeMs: number

  /** @param lifetimeMs of access tokens; the server itself counts whole seconds */
  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs
  }

  /** A user has logged in. */
  begin(family: string, subject: string, refreshToken: string): void {
    this.#families.set(family, { subject, refreshTokens: [], revokedAt: undefined })
    this.#issued(family, refreshToken)
  }

  /** A refresh token came; `issued` is what it was answered with. */
  redeemed(
    refreshToken: string,
    by: string,
    issued: { readonly family: string; readonly refreshToken: string; readonly accessToken: string } | undefined,
  ): void {
    const at = Date.now()
    this.#redemptions.get(refreshToken)?.push({ by, at, successor: issued?.refreshToken })
    if (issued === undefined) return
    this.#issued(issued.family, issued.refreshToken)
    this.#accessTokens.set(issued.accessToken, { family: issued.family, issuedAt: at })
  }

  revoked(family: string): void {
    const found = this.#families.get(family)
    if (found !== undefined) found.revokedAt ??= Date.now()
  }

  /** Whether an access token was good at an instant, in epoch milliseconds. */
  verdict(accessToken: string, at: number): Verdict {
    const found = this.#accessTokens.get(accessToken)
    if (found === undefined) return 'unknown'
    const { revokedAt = Number.POSITIVE_INFINITY } = this.#families.get(found.family) ?? {}
    if (revokedAt < at) return 'revoked'
    return found.issuedAt + this.#lifetimeMs < at ? 'expired' : 'alive'
  }

  family(subject: string): Family | undefined {
    return [...this.#families.values()].find(family => family.subject === subject)
  }

  summary(): LedgerSummary {
    const counts = [...this.#redemptions.values()].map(redemptions => redemptions.length)
    return {
      families: this.#families.size,
      revokedFamilies: [...this.#families.values()].filter(({ revokedAt }) => revokedAt !== undefined).length,
      issued: counts.length,
      redeemed: counts.filter(count => count > 0).length,
      redemptions: counts.reduce((sum, count) => sum + count, 0),
      mostRedemptions: counts.reduce((most, count) => Math.max(most, count), 0),
      redeemedAgain: counts.filter(count => count > 1).length,
    }
  }

  #issued(family: string, token: string): void {
    const redemptions: Redemption[] = []
    this.#redemptions.set(token, redemptions)
    this.#families.get(family)?.refreshTokens.push({ token, redemptions })
  }
}
