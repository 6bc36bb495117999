/** Calls to the core banking API with a bad token (providers.md, 3.2 and 3.3). */
import { attach, parseOrigins } from '@grantkit/core/kit'
import { expect, test } from 'vitest'
import { startBank } from './bank.js'

type Bank = Awaited<ReturnType<typeof startBank>>

async function attached(bank: Bank) {
  const source = bank.source()
  const origins = parseOrigins([bank.system.apiOrigin])
  return { source, attached: await attach(source, origins, { method: 'GET', url: bank.system.apiUrl }) }
}

test('the token is sent as Bearer', async () => {
  await using bank = await startBank()
  const { attached: request } = await attached(bank)
  expect(request.headers).toEqual({ authorization: expect.stringMatching(/^Bearer \S+$/) })
})

test('401 with a list of errors and no challenge asks for a new token', async () => {
  await using bank = await startBank()
  const { attached: request } = await attached(bank)
  const body = '{"errors":[{"statusCode":401,"errorCode":"E401","errorMessage":"Token expired"}]}'
  const answer = { status: 401, wwwAuthenticate: undefined, body: async () => body }
  expect(await request.replay(answer, true)).toEqual({ authorization: expect.stringMatching(/^Bearer \S+$/) })
  expect(bank.tokenRequests()).toHaveLength(2)
})

test('a business code in a 200 is no rejection', async () => {
  await using bank = await startBank()
  const { attached: request } = await attached(bank)
  const body = '{"status":false,"message":"Security violation","data":{"responseCode":"63"}}'
  const answer = { status: 200, wwwAuthenticate: undefined, body: async () => body }
  expect(await request.replay(answer, true)).toBeUndefined()
})

test('403 is no rejection', async () => {
  await using bank = await startBank()
  const { attached: request } = await attached(bank)
  const answer = { status: 403, wwwAuthenticate: undefined, body: async () => '' }
  expect(await request.replay(answer, true)).toBeUndefined()
})

test('a replay changes the token alone, so that the same Request-Reference is carried out once', async () => {
  await using bank = await startBank()
  const { source, attached: request } = await attached(bank)
  const transfer = async (headers: Readonly<Record<string, string>>) => {
    const reference = { 'content-type': 'application/json', 'request-reference': 'ref-1' }
    const all = { ...reference, ...headers }
    return source.client.transport({ method: 'POST', url: bank.system.transfersUrl, headers: all, body: '{}' })
  }
  bank.system.revoke((await source.getTokenSet()).accessToken)
  const refused = await transfer(request.headers)
  const body = async () => new TextDecoder().decode(refused.body)
  const headers = await request.replay({ status: refused.status, wwwAuthenticate: undefined, body }, true)
  expect(Object.keys(headers ?? {})).toEqual(['authorization'])
  expect((await transfer(headers ?? {})).status).toBe(200)
  expect(bank.system.operations).toMatchObject([{ reference: 'ref-1', requests: 1 }])
})
