import { expect, test, vi } from 'vitest'
import {
  AuthorizationServerError,
  ClosedError,
  GrantKitError,
  isGrantKitError,
  LoginRequiredError,
  OriginError,
  TokenResponseError,
  TokenStoreError,
  TransportError,
  ValidationError,
} from '../src/errors.js'

const refused = (options: Partial<ConstructorParameters<typeof AuthorizationServerError>[0]> = {}) =>
  new AuthorizationServerError({ serverStatus: 400, kind: 'terminal', ...options })

const all: readonly [GrantKitError, name: string, code: string][] = [
  [new GrantKitError('ERR_CLIENT_AUTHENTICATION', 'x'), 'GrantKitError', 'ERR_CLIENT_AUTHENTICATION'],
  [refused(), 'AuthorizationServerError', 'ERR_SERVER_REFUSED'],
  [new TransportError('ERR_TRANSPORT_TLS', 'x', { neverSent: true }), 'TransportError', 'ERR_TRANSPORT_TLS'],
  [new TokenResponseError('x', { serverStatus: 401 }), 'TokenResponseError', 'ERR_TOKEN_RESPONSE'],
  [new OriginError('x', 'https://a.example'), 'OriginError', 'ERR_ORIGIN'],
  [new LoginRequiredError('x'), 'LoginRequiredError', 'ERR_LOGIN_REQUIRED'],
  [new ClosedError('x'), 'ClosedError', 'ERR_CLOSED'],
  [new ValidationError('issuer', 'x'), 'ValidationError', 'ERR_VALIDATION'],
  [new TokenStoreError('x', { operation: 'get' }), 'TokenStoreError', 'ERR_TOKEN_STORE'],
]

for (const [error, name, code] of all)
  test(`${name} has its name, its code and the brand`, () => {
    expect(error).toBeInstanceOf(GrantKitError)
    expect({ name: error.name, code: error.code }).toEqual({ name, code })
    expect(isGrantKitError(error)).toBe(true)
  })

test.each(all)('has nothing that a web framework takes for the answer to its own caller: %s', error => {
  for (const name of ['status', 'statusCode', 'headers', 'expose']) expect(error).not.toHaveProperty(name)
})

test('recognises an error thrown by another installed copy', async () => {
  vi.resetModules()
  const other = await import('../src/errors.js')
  const error = new other.TokenResponseError('x')
  expect(error).not.toBeInstanceOf(GrantKitError)
  expect(isGrantKitError(error)).toBe(true)
})

test('takes nothing else for an error of its own', () => {
  for (const other of [new Error('x'), new TypeError('x'), { code: 'ERR_ORIGIN' }, null, undefined, 'ERR_ORIGIN'])
    expect(isGrantKitError(other)).toBe(false)
})

test('shows no brand when printed', () => {
  expect(Object.keys(refused())).not.toContain('Symbol(@grantkit/error)')
  expect(Object.getOwnPropertySymbols(JSON.parse(JSON.stringify(refused())))).toEqual([])
})

test('says status, OAuth error and description, as far as they are known', () => {
  expect(refused({ provider: 'p', serverStatus: 401, error: 'invalid_client', errorDescription: 'No.' }).message).toBe(
    'p refused with 401 (invalid_client: No.)',
  )
  expect(refused({ serverStatus: 403 }).message).toBe('The server refused with 403')
})

test('says that a retry can help for a transient refusal alone', () => {
  expect(refused({ kind: 'transient' }).retryable).toBe(true)
  for (const kind of ['terminal', 'invalid_grant', 'stale_assertion'] as const)
    expect(refused({ kind, retryable: true }).retryable).toBe(false)
})

test('says that a retry can help when there was no answer, unless told otherwise', () => {
  expect(new TransportError('ERR_TRANSPORT', 'x', { neverSent: false }).retryable).toBe(true)
  expect(new TransportError('ERR_TRANSPORT_TLS', 'x', { neverSent: true, retryable: false }).retryable).toBe(false)
})

test('keeps the cause, and has none where none was given', () => {
  const cause = new Error('why')
  expect(new LoginRequiredError('x', { cause, subject: 'alice' })).toMatchObject({ cause, subject: 'alice' })
  expect('cause' in new LoginRequiredError('x')).toBe(false)
})

test('says what the next login has to ask for', () => {
  const reason = 'insufficient_scope'
  expect(new LoginRequiredError('x', { reason, missingScope: ['payments'] })).toMatchObject({
    reason,
    missingScope: ['payments'],
  })
  expect(new LoginRequiredError('x').missingScope).toBeUndefined()
})

test('says of every error whether its request never left, and of a closed source that there was none', () => {
  for (const [error] of all) expect(error.neverSent).toBe(['ERR_TRANSPORT_TLS', 'ERR_CLOSED'].includes(error.code))
  expect(new GrantKitError('ERR_CLIENT_AUTHENTICATION', 'x', { neverSent: true }).neverSent).toBe(true)
})
