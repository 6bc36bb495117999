import { describe, expect, test } from 'vitest'
import type { Conform, Refusal } from '../src/provider.js'
import { authorizationRefusalKind, refusalKind } from '../src/refusal-kind.js'
import { provider } from './answering.js'

interface Case {
  readonly status?: number
  readonly error?: string | undefined
  readonly conform?: Conform
  readonly isOfClient?: boolean
}

function kindOf({ status = 400, error, conform, isOfClient = true }: Case) {
  const unsaid = { errorDescription: undefined, scope: undefined, body: '' }
  const refusal: Refusal = { status, error, endpoint: 'token_endpoint', grantType: 'refresh_token', ...unsaid }
  return refusalKind(refusal, provider(conform), isOfClient)
}

describe('a status', () => {
  const cases: readonly (readonly [status: number, error: string | undefined, kind: string])[] = [
    [399, 'server_error', 'transient'],
    [400, 'server_error', 'terminal'],
    [400, 'unsupported_grant_type', 'terminal'],
    [407, undefined, 'terminal'],
    [408, 'invalid_grant', 'transient'],
    [409, undefined, 'terminal'],
    [428, undefined, 'terminal'],
    [429, 'invalid_client', 'transient'],
    [430, undefined, 'terminal'],
    [499, undefined, 'terminal'],
    [500, 'unsupported_grant_type', 'transient'],
    [501, 'unsupported_response_type', 'transient'],
    [503, 'authorization_pending', 'transient'],
    [599, undefined, 'transient'],
  ]
  test.each(cases)('%i with %s is %s', (status, error, kind) => expect(kindOf({ status, error })).toBe(kind))
})

describe('a code', () => {
  const cases: readonly (readonly [error: string, kind: string])[] = [
    ['invalid_grant', 'invalid_grant'],
    ['invalid_scope', 'invalid_scope'],
    ['invalid_target', 'invalid_scope'],
    ['invalid_client', 'invalid_client'],
    ['unauthorized_client', 'invalid_client'],
    ['temporarily_unavailable', 'transient'],
    ['access_denied', 'denied'],
    ['interaction_required', 'interaction_required'],
    ['login_required', 'interaction_required'],
    ['consent_required', 'interaction_required'],
    ['account_selection_required', 'interaction_required'],
    ['unmet_authentication_requirements', 'interaction_required'],
    ['authorization_pending', 'pending'],
    ['slow_down', 'pending'],
    ['invalid_request', 'terminal'],
    ['toString', 'terminal'],
  ]
  test.each(cases)('%s is %s, at the token endpoint and with a redirect', (error, kind) => {
    expect(kindOf({ error })).toBe(kind)
    expect(authorizationRefusalKind(error)).toBe(kind)
  })
})

describe('a 401', () => {
  const cases: readonly (readonly [error: string | undefined, kind: string])[] = [
    // no reason, or one that is about who asks
    [undefined, 'invalid_client'],
    ['unauthorized', 'invalid_client'],
    ['access_denied', 'invalid_client'],
    ['Invalid token of this client', 'invalid_client'],
    ['This client has no such token', 'invalid_client'],
    ['Token of another client', 'invalid_client'],
    // another reason, by a code of the RFCs
    ['invalid_scope', 'invalid_scope'],
    ['invalid_target', 'invalid_scope'],
    ['login_required', 'interaction_required'],
    ['temporarily_unavailable', 'transient'],
    ['authorization_pending', 'pending'],
    // and by codes of servers' own
    ['UNKNOWN_GRANT', 'terminal'],
    ['code.used', 'terminal'],
    ['oauth.v2.InvalidRefreshToken', 'terminal'],
    ['scope-not-allowed', 'terminal'],
    ['no_such_target', 'terminal'],
    ['resource_unknown', 'terminal'],
    ['bad_request', 'terminal'],
    ['user_locked', 'terminal'],
    ['session_ended', 'terminal'],
    ['consent_withdrawn', 'terminal'],
  ]
  test.each(cases)('with %s is %s', (error, kind) => expect(kindOf({ status: 401, error })).toBe(kind))

  test('is not about the client where its credentials were not sent', () => {
    expect(kindOf({ status: 401, isOfClient: false })).toBe('terminal')
    expect(kindOf({ status: 401, error: 'access_denied', isOfClient: false })).toBe('denied')
    expect(kindOf({ status: 401, error: 'invalid_client', isOfClient: false })).toBe('invalid_client')
  })
})

describe("a provider's reading", () => {
  test.each([
    'transient',
    'terminal',
    'invalid_scope',
    'invalid_client',
    'invalid_grant',
    'interaction_required',
    'denied',
    'pending',
    'stale_assertion',
  ] as const)('is taken: %s', kind => {
    const error = kind === 'invalid_grant' ? 'invalid_scope' : 'invalid_grant'
    expect(kindOf({ error, conform: { classifyError: () => kind } })).toBe(kind)
  })

  test.each(['', 'dead', 'TERMINAL', null, undefined, {}])('is not taken where it is no kind: %j', answer => {
    const classifyError = (() => answer) as unknown as Conform['classifyError']
    expect(kindOf({ error: 'invalid_grant', conform: { classifyError } })).toBe('invalid_grant')
  })

  test('that fails hides no refusal', () => {
    const classifyError = () => {
      throw new Error('never seen')
    }
    expect(kindOf({ error: 'invalid_grant', conform: { classifyError } })).toBe('invalid_grant')
  })

  test('starts from the one of the RFC', () => {
    const seen: string[] = []
    const classifyError: Conform['classifyError'] = (_, standard) => {
      seen.push(standard)
      return standard
    }
    kindOf({ status: 503, conform: { classifyError } })
    kindOf({ error: 'slow_down', conform: { classifyError } })
    expect(seen).toEqual(['transient', 'pending'])
  })
})
