/** How CIAM refuses at its token endpoint, in all its shapes (providers.md, 4.1 and 4.3). */
import { AuthorizationServerError, type ClientOptions, clientCredentials, none, requestTokenSet } from '@grantkit/core'
import { answering, rejection } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import type { FiservCiamOptions } from '../src/index.js'
import { clientOf, startCiam } from './ciam.js'

type Ciam = Awaited<ReturnType<typeof startCiam>>

async function refusal(
  ciam: Ciam,
  changes?: Partial<ClientOptions>,
  options?: Partial<FiservCiamOptions>,
): Promise<AuthorizationServerError> {
  const error = await rejection(requestTokenSet(ciam.client(changes, options), clientCredentials()))
  expect(error).toBeInstanceOf(AuthorizationServerError)
  return error as AuthorizationServerError
}

describe.each(['schema', 'examples', 'sample', 'scim'] as const)('an error in the shape of the %s', errorShape => {
  test('a client that is not registered is 401 10002, and final', async () => {
    await using ciam = await startCiam()
    ciam.system.settings.errorShape = errorShape
    expect(await refusal(ciam, { clientSecret: 'wrong' })).toMatchObject({
      serverStatus: 401,
      error: '10002',
      error_description: 'Invalid token or client not registered',
      kind: 'invalid_client',
    })
  })

  test('a JSON body where a form is wanted is 10028, and final', async () => {
    await using ciam = await startCiam()
    Object.assign(ciam.system.settings, { errorShape, bodyFormats: ['form'] })
    expect(await refusal(ciam)).toMatchObject({
      serverStatus: 400,
      error: '10028',
      error_description: 'grant_type, client_id, client_secret expected in an x-www-form-urlencoded body',
      kind: 'terminal',
    })
    expect(ciam.tokenRequests()).toHaveLength(1)
  })
})

test.each([
  [10028, 'grant_type is expected in the body'],
  [10029, 'Basic authorization not allowed'],
  [10030, 'client_id is missing'],
  [10031, 'client_secret is missing'],
  [10026, 'Quota reached'],
  [10027, 'Locked'],
  [10015, 'Generic error'],
])('%i is kept as text with its message, and is final', async (code, message) => {
  const transport = answering(400, JSON.stringify({ error: code, message, traceid: 't-1' }))
  const expected = { error: String(code), error_description: message, kind: 'terminal' }
  expect(await rejection(requestTokenSet(clientOf(transport), clientCredentials()))).toMatchObject(expected)
})

test('Provisioning’s 429 is transient, and its status as a string does no harm', async () => {
  const body = JSON.stringify({ schemas: ['urn:error'], status: '429', scimType: 'tooMany', detail: 'Slow down' })
  const transport = answering(429, body, { 'content-type': 'application/scim+json', 'retry-after': '3' })
  expect(await rejection(requestTokenSet(clientOf(transport), clientCredentials()))).toMatchObject({
    serverStatus: 429,
    error: 'tooMany',
    error_description: 'Slow down',
    kind: 'transient',
    retryAfterMs: 3000,
  })
})

test('a client without a secret is refused when it is made', async () => {
  await using ciam = await startCiam()
  const make = () => ciam.client({ clientSecret: undefined as never, auth: none() })
  expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option: 'auth' }))
})
