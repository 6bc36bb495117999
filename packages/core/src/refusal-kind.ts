/** What a refusal means for the next request: by its status first, then its code (RFC 6749 §5.2). */
import type { RefusalKind } from './errors.js'
import type { Provider, Refusal } from './provider.js'

/**
 * The provider's reading of a refusal, else the RFC's.
 *
 * @param isOfClient whether the request carried the client's own credentials, which a 401 may be about
 */
export function refusalKind(refusal: Refusal, provider: Provider, isOfClient: boolean): RefusalKind {
  const standard = standardKind(refusal, isOfClient)
  return classify(refusal, standard, provider) ?? standard
}

/** What an error of the authorization endpoint means, which has no status: it comes with a redirect (RFC 6749 §4.1.2.1). */
export function authorizationRefusalKind(error: string | undefined): RefusalKind {
  return standardKind({ status: 302, error }, false)
}

/** A hook that fails on an answer nobody foresaw, or says what is no kind, must not hide the refusal. */
function classify(refusal: Refusal, standard: RefusalKind, { conform }: Provider): RefusalKind | undefined {
  try {
    const kind = conform.classifyError?.(refusal, standard)
    return kind !== undefined && refusalKinds.has(kind) ? kind : undefined
  } catch {
    return undefined
  }
}

const refusalKinds: ReadonlySet<RefusalKind> = new Set<RefusalKind>([
  'transient',
  'terminal',
  'invalid_scope',
  'invalid_client',
  'invalid_grant',
  'interaction_required',
  'denied',
  'pending',
  'invalid_dpop_proof',
  'stale_assertion',
])

/**
 * The reading of RFC 6749 §5.2: the status first, then the code. A 401 that names no other reason is about the client:
 * some say 401 of a dead refresh token too, but then with its code.
 */
function standardKind(
  { status, error = '', errorDescription = '' }: Pick<Refusal, 'status' | 'error'> & Partial<Refusal>,
  isOfClient: boolean,
): RefusalKind {
  // oauth2orize 1.12; what is not implemented now will not be in a minute
  if (status === 501 && error === 'unsupported_grant_type') return 'terminal'
  if (status >= 500 || status === 429 || status === 408) return 'transient'
  if (pendingCodes.has(error)) return 'pending'
  if (isAboutProof(error, errorDescription)) return 'invalid_dpop_proof'
  if (status < 400 && error === 'server_error') return 'transient'
  const named = kindsByCode[error]
  const namesNone = named === undefined ? !namesAnother.test(error) : named === 'denied'
  if (isOfClient && status === 401 && namesNone) return 'invalid_client'
  return named ?? 'terminal'
}

/** Some servers have no code of their own for a proof that is missing or by another key: only their words tell. */
function isAboutProof(error: string, words: string): boolean {
  if (error === 'invalid_dpop_proof' || error === 'use_dpop_nonce') return true
  return ['invalid_grant', 'invalid_request'].includes(error) && /\b(?:dpop|jkt)\b/i.test(words)
}

/** Codes that mean nothing but: not yet. */
const pendingCodes = new Set(['authorization_pending', 'slow_down'])

const kindsByCode: Readonly<Record<string, RefusalKind>> = {
  __proto__: null as never,
  invalid_grant: 'invalid_grant',
  invalid_scope: 'invalid_scope',
  invalid_target: 'invalid_scope',
  invalid_client: 'invalid_client',
  unauthorized_client: 'invalid_client',
  temporarily_unavailable: 'transient',
  access_denied: 'denied',
  interaction_required: 'interaction_required',
  login_required: 'interaction_required',
  consent_required: 'interaction_required',
  account_selection_required: 'interaction_required',
  unmet_authentication_requirements: 'interaction_required',
}

/** What a code beyond the RFCs is about when it is not the client: one code, token, scope, resource or request. */
const namesAnother = /^[\w.-]*(grant|code|token|scope|target|resource|request|user|session|consent)[\w.-]*$/i
