/** How the core banking API refuses to authenticate (providers.md, 3.3). */
import {
  AuthorizationServerError,
  type ClientOptions,
  clientCredentials,
  createTokenSource,
  requestTokenSet,
} from '@grantkit/core'
import { rejection } from '@grantkit/testing'
import { expect, test } from 'vitest'
import { startBank } from './bank.js'

type Bank = Awaited<ReturnType<typeof startBank>>

async function refusal(bank: Bank, changes?: Partial<ClientOptions>): Promise<AuthorizationServerError> {
  const error = await rejection(requestTokenSet(bank.client(changes), clientCredentials()))
  expect(error).toBeInstanceOf(AuthorizationServerError)
  return error as AuthorizationServerError
}

test('bad credentials are 400, in a list of errors', async () => {
  await using bank = await startBank()
  expect(await refusal(bank, { clientSecret: 'wrong' })).toMatchObject({
    serverStatus: 400,
    error: 'E400',
    error_description: 'Invalid client credentials',
    kind: 'terminal',
  })
})

test('a client unused for 14 days is 400 with a good secret', async () => {
  await using bank = await startBank()
  bank.system.settings.clientDeactivated = true
  expect(await refusal(bank)).toMatchObject({ serverStatus: 400, kind: 'terminal' })
})

test('refused credentials are not tried again for each call, and new ones at once', async () => {
  await using bank = await startBank()
  let secret = 'wrong'
  const client = bank.client({ clientSecret: () => secret })
  const source = createTokenSource({ client, grant: clientCredentials() })
  await rejection(source.getTokenSet())
  await rejection(source.getTokenSet())
  expect(bank.tokenRequests()).toHaveLength(1)
  secret = bank.system.clientSecret
  await source.getTokenSet()
  expect(bank.tokenRequests()).toHaveLength(2)
})

test.each([
  [500, '{"errors":[{"statusCode":500,"errorCode":"E500","errorMessage":"Internal error"}]}', 'E500'],
  [503, '', undefined],
  [502, '<html><body>Bad Gateway</body></html>', undefined],
])('a %i is transient, whatever its body', async (status, body, code) => {
  await using bank = await startBank()
  bank.system.fail({ kind: 'status', status, body })
  expect(await refusal(bank)).toMatchObject({ serverStatus: status, error: code, kind: 'transient', retryable: true })
})
