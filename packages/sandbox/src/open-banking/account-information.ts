/** The account information API behind the gateway: consents for applications, accounts for whoever holds a token. */
import { randomUUID } from 'node:crypto'
import type { IssuedToken } from '../access-tokens.js'
import { type Answer, json, Refusal } from '../answer.js'
import type { ReceivedRequest } from '../record.js'
import type { Route } from '../server.js'
import { type Account, accountHolders, findAccountHolder } from './account-holders.js'
import { describeConsent } from './consents.js'
import { authorizeCall, type Gateway } from './gateway.js'

const base = '/open-banking/v3.1/aisp'

/** The resources of UK Open Banking 3.1 that a token is tried on. */
export function accountInformationRoutes(gateway: Gateway): Route[] {
  const exactly = (path: string) => (candidate: string) => candidate === path
  const oneConsent = (path: string) => path.startsWith(`${base}/account-access-consents/`)
  const forApplications = (handle: Handle) => (request: ReceivedRequest) => {
    authorizeCall(gateway, request, { tokenType: 'Application', scope: gateway.settings.requiredScope })
    return handle(gateway, request)
  }
  return [
    {
      kind: 'api',
      method: 'GET',
      matches: exactly(`${base}/accounts`),
      handle: request => answerAccounts(gateway, request),
    },
    {
      kind: 'api',
      method: 'POST',
      matches: exactly(`${base}/account-access-consents`),
      handle: forApplications(createConsent),
    },
    { kind: 'api', method: 'GET', matches: oneConsent, handle: forApplications(readConsent) },
    { kind: 'api', method: 'DELETE', matches: oneConsent, handle: forApplications(deleteConsent) },
  ]
}

type Handle = (gateway: Gateway, request: ReceivedRequest) => Answer

function answerAccounts(gateway: Gateway, request: ReceivedRequest): Answer {
  const tokenType = gateway.settings.accountsNeedUserToken ? 'Application_User' : 'any'
  const token = authorizeCall(gateway, request, { tokenType, scope: gateway.settings.requiredScope })
  const Account = token.isUserToken ? consentedAccounts(gateway, token) : accountsOf(undefined)
  return fapiJson(request, 200, { Data: { Account }, Links: { Self: `${base}/accounts` }, Meta: {} })
}

/**
 * What the consent under a user's token is about (`DefaultConsentValidator`).
 *
 * @throws Refusal: it is not authorised (400), over, or does not allow this (401 with codes of its own)
 */
function consentedAccounts({ store, clock }: Gateway, token: IssuedToken): readonly Account[] {
  const consent = store.consents.find(token.consentId)
  if (consent?.status !== 'Authorised')
    return refuse(400, '00012', 'Account consent state invalid', 'Provided consent not in authorised state')
  if (!(consent.permissions ?? allowAccounts).some(permission => allowAccounts.includes(permission)))
    refuse(401, '00010', 'Permission mismatch', 'Consent does not contain necessary permissions')
  if (consent.expiresAt !== undefined && consent.expiresAt <= clock.now())
    refuse(401, '00011', 'Consent expired', 'Provided consent is expired')
  const { accounts } = consent
  const held = accountsOf(token.subject)
  return accounts === undefined ? held : held.filter(({ AccountId }) => accounts.includes(AccountId))
}

const allowAccounts = ['ReadAccountsBasic', 'ReadAccountsDetail']

/** Of an account holder; whoever is none sees the first one's. */
function accountsOf(subject: string | undefined): readonly Account[] {
  return (findAccountHolder(subject) ?? accountHolders[0])?.accounts ?? []
}

function createConsent({ store }: Gateway, request: ReceivedRequest): Answer {
  const requested = parseObject(request.body)?.Data
  if (typeof requested !== 'object' || requested === null)
    return refuse(400, '200002', 'Consent validation failed', 'Data is missing')
  return fapiJson(request, 201, describeConsent(store.consents.create(requested as Requested, request.at)))
}

type Requested = Readonly<Record<string, unknown>>

/** One that was deleted is gone, whatever became of it. */
function readConsent({ store }: Gateway, request: ReceivedRequest): Answer {
  const consent = store.consents.find(lastSegment(request.path))
  if (!consent || consent.status === 'Revoked')
    return refuse(400, '200002', 'Consent validation failed', 'Consent not found')
  return fapiJson(request, 200, describeConsent(consent))
}

function deleteConsent({ store }: Gateway, request: ReceivedRequest): Answer {
  const consent = store.consents.find(lastSegment(request.path))
  if (!consent) return refuse(400, '200002', 'Consent validation failed', 'Consent not found')
  if (consent.status === 'Revoked')
    refuse(400, '200002', 'Consent validation failed', 'Consent already in revoked state')
  store.consents.end(consent.id, request.at)
  return { status: 204, headers: interactionId(request) }
}

/** The accelerator's error list, as 3.0.0 writes it. */
function refuse(status: number, Code: string, Title: string, Message: string): never {
  throw new Refusal(json(status, { errors: [{ Code, Title, Message }] }))
}

function fapiJson(request: ReceivedRequest, status: number, body: unknown): Answer {
  return json(status, body, interactionId(request))
}

/** `x-fapi-interaction-id` comes back as it was sent, or new. */
function interactionId(request: ReceivedRequest): Record<string, string> {
  return { 'x-fapi-interaction-id': request.headers['x-fapi-interaction-id'] ?? randomUUID() }
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
