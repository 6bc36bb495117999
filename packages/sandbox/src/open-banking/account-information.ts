/** The account information API behind the gateway: consents for applications, accounts for whoever holds a token. */
import { randomUUID } from 'node:crypto'
import { type Answer, json } from '../answer.js'
import { BoundedMap, type ReceivedRequest } from '../record.js'
import type { Route } from '../server.js'
import { authorizeCall, type Gateway } from './gateway.js'

const base = '/open-banking/v3.1/aisp'

/** The resources of UK Open Banking 3.1 that a token is tried on. */
export function accountInformationRoutes(gateway: Gateway): Route[] {
  const consents = new BoundedMap<object>(1000)
  const application = () => ({ tokenType: 'Application', scope: gateway.settings.requiredScope }) as const
  const exactly = (path: string) => (candidate: string) => candidate === path
  const oneConsent = (path: string) => path.startsWith(`${base}/account-access-consents/`)
  return [
    {
      kind: 'api',
      method: 'GET',
      matches: exactly(`${base}/accounts`),
      handle: request => {
        const tokenType = gateway.settings.accountsNeedUserToken ? 'Application_User' : 'any'
        authorizeCall(gateway, request, { tokenType, scope: gateway.settings.requiredScope })
        return fapiJson(request, 200, { Data: { Account: accounts }, Links: { Self: `${base}/accounts` }, Meta: {} })
      },
    },
    {
      kind: 'api',
      method: 'POST',
      matches: exactly(`${base}/account-access-consents`),
      handle: request => {
        authorizeCall(gateway, request, application())
        return createConsent(request, consents)
      },
    },
    {
      kind: 'api',
      method: 'GET',
      matches: oneConsent,
      handle: request => {
        authorizeCall(gateway, request, application())
        const consent = consents.get(lastSegment(request.path))
        return consent
          ? fapiJson(request, 200, consent)
          : json(400, { errors: [{ Code: '200002', Message: 'Consent not found' }] })
      },
    },
    {
      kind: 'api',
      method: 'DELETE',
      matches: oneConsent,
      handle: request => {
        authorizeCall(gateway, request, application())
        consents.delete(lastSegment(request.path))
        gateway.store.tokens.revokeConsent(lastSegment(request.path))
        return { status: 204 }
      },
    },
  ]
}

const accounts = [
  {
    AccountId: '30080012343456',
    Status: 'Enabled',
    Currency: 'GBP',
    AccountType: 'Personal',
    AccountSubType: 'CurrentAccount',
  },
]

function createConsent(request: ReceivedRequest, consents: BoundedMap<object>): Answer {
  const requested = parseObject(request.body)?.Data
  if (typeof requested !== 'object' || requested === null) {
    return json(400, { errors: [{ Code: '200002', Title: 'Consent validation failed', Message: 'Data is missing' }] })
  }
  const now = new Date(request.at).toISOString()
  const ConsentId = randomUUID()
  const Data = {
    ...requested,
    ConsentId,
    Status: 'AwaitingAuthorisation',
    CreationDateTime: now,
    StatusUpdateDateTime: now,
  }
  const consent = { Data, Risk: {}, consentId: ConsentId }
  consents.set(ConsentId, consent)
  return fapiJson(request, 201, consent)
}

/** `x-fapi-interaction-id` comes back as it was sent, or new. */
function fapiJson(request: ReceivedRequest, status: number, body: unknown): Answer {
  return json(status, body, { 'x-fapi-interaction-id': request.headers['x-fapi-interaction-id'] ?? randomUUID() })
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
