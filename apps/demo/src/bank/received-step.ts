/** What the bank's servers received, as steps: the browser's way through the pages, and the app's requests behind it. */
import type { ReceivedRequest } from '@grantkit/sandbox'
import { toneOf } from '../app/server-record.js'
import { type NewStep, namesIn } from './steps.js'

/** None for what belongs to the cards, and for pages that are only looked at. */
export function stepsOf(request: ReceivedRequest, why: string): readonly NewStep[] {
  if (request.kind === 'authorization') return inBrowser(request)
  const title = titleOf(request, why)
  if (title === undefined) return []
  const { kind, status, fault } = request
  const outcome = status === undefined ? 'cut' : String(status)
  const detail = `${detailOf(request)}${fault === undefined ? '' : ', made to fail'}`
  const to = kind === 'api' ? 'api' : 'server'
  return [{ from: 'app', to, title, detail, outcome, tone: toneOf(status), counted: true }]
}

/** The bank's app calls with an interaction id, and has its tokens from Identity Server; the cards do neither. */
function titleOf({ kind, method, path, headers, parameters }: ReceivedRequest, why: string): string | undefined {
  if (kind === 'api') {
    if (headers['x-fapi-interaction-id'] === undefined) return undefined
    if (path.endsWith('/account-access-consents')) return 'A consent is asked for'
    return method === 'DELETE' ? 'The consent is deleted' : 'API call'
  }
  if (kind === 'token' && path !== '/oauth2/token') return undefined
  if (kind === 'token' && parameters.grant_type === 'refresh_token') return `Renewal: ${why}`
  if (kind === 'token') return grants[parameters.grant_type ?? '']
  return titles[kind]
}

const grants: Readonly<Record<string, string>> = {
  client_credentials: 'The application’s own token',
  authorization_code: 'The code is redeemed for tokens',
}

const titles: Readonly<Partial<Record<ReceivedRequest['kind'], string>>> = {
  'pushed-authorization': 'The request is pushed (PAR)',
  revocation: 'The tokens are revoked',
  jwks: 'The bank’s public keys',
}

function detailOf({ method, path, parameterList, headers, clientCertificate, kind }: ReceivedRequest): string {
  const details = [
    `${method} ${kind === 'api' ? path.replace(/^.*\/aisp|\/[\w-]{36}$/g, '') : path}`,
    kind !== 'api' && namesIn(parameterList.filter(([name]) => name !== 'client_assertion_type')),
    headers.authorization !== undefined && 'Bearer …',
    clientCertificate !== undefined && 'client certificate',
  ]
  return details.filter(detail => detail !== false && detail !== '').join(', ')
}

function inBrowser(request: ReceivedRequest): readonly NewStep[] {
  const { path, parameters, parameterList, query, status } = request
  const tone = toneOf(status)
  const sent = (title: string, detail: string): NewStep => ({ from: 'browser', to: 'server', title, detail, tone })
  const asked = namesIn(new URLSearchParams(query))
  if (path === '/oidc/logout')
    return [sent('Logout at the bank', asked), back('The bank lets go of the browser', 'state=…')]
  if (path === '/commonauth') return [sent('The customer logs in', 'username and password, on the bank’s own page')]
  if (path !== '/oauth2/authorize') return []
  if (parameters.consent === undefined) return [sent('The browser comes to the bank', asked)]
  const chosen = parameterList.filter(([name]) => name === 'accounts').length
  if (parameters.consent === 'deny') return [sent('The customer denies', ''), redirect('#error=…, state=…')]
  if (chosen === 0) return [sent('The customer approves no account', 'and is asked again')]
  const accounts = `${chosen} ${chosen === 1 ? 'account' : 'accounts'}`
  return [sent('The customer approves', accounts), redirect('#code=…, id_token=…, state=…')]
}

function redirect(detail: string): NewStep {
  return back('Redirect back to the app', detail)
}

function back(title: string, detail: string): NewStep {
  return { from: 'server', to: 'browser', title, detail, tone: 'plain' }
}
