/** Account-access consents (UK Open Banking 3.1): the application asks for one, the account holder decides about it. */
import { randomUUID } from 'node:crypto'
import type { AccessTokens } from '../access-tokens.js'
import { BoundedMap } from '../record.js'

/** As `Status` shows it. */
type ConsentStatus = 'AwaitingAuthorisation' | 'Authorised' | 'Rejected' | 'Revoked'

/** A consent as the bank remembers it. Times are epoch milliseconds of the sandbox. */
export interface Consent {
  readonly id: string
  /** `Data` as the application sent it. */
  readonly requested: Readonly<Record<string, unknown>>
  /** Names of what it allows; `undefined` when the application named none. */
  readonly permissions: readonly string[] | undefined
  /** When it ends by itself. */
  readonly expiresAt: number | undefined
  readonly createdAt: number
  status: ConsentStatus
  updatedAt: number
  /** The accounts it is about; `undefined` for all of the account holder's. */
  accounts: readonly string[] | undefined
}

/** The oldest of more than 10,000 is forgotten, and then unknown. */
export class Consents {
  readonly #consents = new BoundedMap<Consent>(10_000)
  readonly #tokens: AccessTokens

  /** @param tokens those of an ended consent die with it */
  constructor(tokens: AccessTokens) {
    this.#tokens = tokens
  }

  create(requested: Readonly<Record<string, unknown>>, now: number, id: string = randomUUID()): Consent {
    const { Permissions, ExpirationDateTime } = requested
    const expiresAt = Date.parse(String(ExpirationDateTime))
    const consent: Consent = {
      id,
      requested,
      permissions: Array.isArray(Permissions) ? Permissions.map(String) : undefined,
      expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt,
      createdAt: now,
      status: 'AwaitingAuthorisation',
      updatedAt: now,
      accounts: undefined,
    }
    this.#consents.set(id, consent)
    return consent
  }

  find(id: string | undefined): Consent | undefined {
    return id === undefined ? undefined : this.#consents.get(id)
  }

  /** The account holder has agreed. */
  authorise(consent: Consent, now: number, accounts?: readonly string[]): void {
    consent.accounts = accounts
    change(consent, 'Authorised', now)
  }

  /** The account holder has refused. */
  reject(consent: Consent, now: number): void {
    change(consent, 'Rejected', now)
  }

  /** Ends it, known or forgotten, and every token that stands on it. */
  end(id: string, now: number): void {
    const consent = this.#consents.get(id)
    if (consent) change(consent, 'Revoked', now)
    this.#tokens.revokeConsent(id)
  }
}

function change(consent: Consent, status: ConsentStatus, now: number): void {
  consent.status = status
  consent.updatedAt = now
}

/** A consent as its resource shows it. */
export function describeConsent(consent: Consent): object {
  const Data = {
    ...consent.requested,
    ConsentId: consent.id,
    Status: consent.status,
    CreationDateTime: new Date(consent.createdAt).toISOString(),
    StatusUpdateDateTime: new Date(consent.updatedAt).toISOString(),
  }
  return { Data, Risk: {}, consentId: consent.id }
}
