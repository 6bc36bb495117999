/** What API Manager's gateway says to a token, and which of it a new token helps (providers.md, 1.11). */
import { clientCredentials, createTokenSource } from '@grantkit/core'
import { attach, parseOrigins } from '@grantkit/core/kit'
import { answering } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { clientOf, startOpenBanking } from './open-banking.js'

type Bank = Awaited<ReturnType<typeof startOpenBanking>>

/** One request to the API, and what is decided on its answer. */
async function call(bank: Bank) {
  const source = bank.source()
  const { apiUrl: url, apiOrigin } = bank.system
  const attached = await attach(source, parseOrigins([apiOrigin]), { method: 'GET', url })
  const answer = await source.client.transport({ method: 'GET', url, headers: attached.headers })
  const wwwAuthenticate = answer.headers.get('www-authenticate') ?? undefined
  const text = new TextDecoder().decode(answer.body)
  const replay = () => attached.replay({ status: answer.status, wwwAuthenticate, body: async () => text }, true)
  return { status: answer.status, wwwAuthenticate, text, replay }
}

/** What is decided on an answer, whoever gave it. */
async function decided(status: number, wwwAuthenticate: string | undefined, body: string) {
  let count = 0
  const { client } = clientOf(async request => {
    const token = { access_token: `token-${++count}`, token_type: 'Bearer', expires_in: 3600 }
    return answering(200, JSON.stringify(token))(request)
  })
  const source = createTokenSource({ client, grant: clientCredentials() })
  const url = 'https://apim.example.com:8243/accounts'
  const attached = await attach(source, parseOrigins([new URL(url).origin]), { method: 'GET', url })
  return attached.replay({ status, wwwAuthenticate, body: async () => body }, true)
}

const shapes = ['json', 'fault', 'xml'] as const
const challenges = ['2.x', '3.x', '4.x', 'null-bearer', 'basic-auth', 'none'] as const

describe('900901, an invalid, expired or revoked token, asks for a new one', () => {
  test.each(shapes)('as %s, under every challenge seen', async gatewayFault => {
    await using bank = await startOpenBanking()
    bank.gateway.gatewayFault = gatewayFault
    for (const gatewayChallenge of challenges) {
      bank.gateway.gatewayChallenge = gatewayChallenge
      bank.system.revoke((await bank.source().getTokenSet()).accessToken)
      const { status, text, replay } = await call(bank)
      expect(status, gatewayChallenge).toBe(401)
      expect(text, gatewayChallenge).toContain('900901')
      expect(await replay(), gatewayChallenge).toEqual({ authorization: expect.stringMatching(/^Bearer \S+$/) })
      expect((await call(bank)).status, gatewayChallenge).toBe(200)
    }
    expect(bank.tokenRequests()).toHaveLength(1 + challenges.length)
  })

  test.each(shapes)('as %s, under a content type that is wrong', async gatewayFault => {
    await using bank = await startOpenBanking()
    Object.assign(bank.gateway, { gatewayFault, gatewayChallenge: 'none', gatewayContentType: 'text/html' })
    bank.system.revoke((await bank.source().getTokenSet()).accessToken)
    expect(await (await call(bank)).replay()).toBeDefined()
  })

  test.each([
    'OAuth2 realm="WSO2 API Manager", error="invalid token", error_description="The access token expired"',
    'OAuth2 realm="WSO2 API Manager", error="invalid_token", error_description="The access token expired"',
    'Internal API Key realm="WSO2 API Manager", Bearer realm="WSO2 API Manager", error="invalid_token"',
    'null Bearer realm="WSO2 API Manager", error="invalid_token"',
    'OAuth2 realm="WSO2 API Manager" Basic Auth realm="WSO2 API Manager" null, error="invalid_token"',
    'garbage, ,="900901',
  ])('said by the header alone: %s', async wwwAuthenticate => {
    expect(await decided(401, wwwAuthenticate, '')).toBeDefined()
  })

  test('in a body with blanks around the colon', async () => {
    expect(await decided(401, undefined, '{ "code" : "900901" }')).toBeDefined()
  })
})

describe('any other code is final, whatever the header says', () => {
  const codes = [900902, 900905, 900907, 900909, 900911, 900912, 900913, 900914, 900915, 900916, 900917]

  test.each(shapes)('with status 401, as %s', async gatewayFault => {
    await using bank = await startOpenBanking()
    bank.gateway.gatewayFault = gatewayFault
    for (const code of codes) {
      bank.gateway.gatewayRefusal = code
      const { status, wwwAuthenticate, text, replay } = await call(bank)
      expect(status, `${code}`).toBe(401)
      expect(text).toContain(`${code}`)
      expect(wwwAuthenticate).toContain('invalid_token')
      expect(await replay(), `${code}`).toBeUndefined()
    }
    expect(bank.tokenRequests()).toHaveLength(1)
  })

  test('in a body with blanks around the colon', async () => {
    expect(await decided(401, 'Bearer error="invalid_token"', '{ "code" : "900907" }')).toBeUndefined()
  })

  test('with another status', async () => {
    await using bank = await startOpenBanking()
    const others = { 900900: 500, 900906: 403, 900908: 403, 900910: 403, 900800: 429, 900801: 503, 700700: 503 }
    for (const [code, expected] of Object.entries(others)) {
      bank.gateway.gatewayRefusal = Number(code)
      const { status, replay } = await call(bank)
      expect(status, code).toBe(expected)
      expect(await replay(), code).toBeUndefined()
    }
    expect(bank.tokenRequests()).toHaveLength(1)
  })

  test.each([
    '{"errors":[{"Code":"200007","Title":"Transport certificate error","Message":"missing"}]}',
    '{"errors":[{"code":"200008","message":"Transport certificate error","description":"expired"}]}',
  ])('of the accelerator, as %s', async body => {
    expect(await decided(401, undefined, body)).toBeUndefined()
  })

  test('and so is a 401 that says nothing', async () => {
    expect(await decided(401, undefined, '')).toBeUndefined()
  })
})

test('an application token where a user’s is wanted is not renewed', async () => {
  await using bank = await startOpenBanking()
  bank.gateway.accountsNeedUserToken = true
  const { status, text, replay } = await call(bank)
  expect(status).toBe(401)
  expect(text).toContain('900905')
  expect(await replay()).toBeUndefined()
})

test('a gateway that answers every token with invalid_token gets one replay, and then rest', async () => {
  await using bank = await startOpenBanking()
  bank.gateway.gatewayRefusal = 900901
  const { apiUrl: url, apiOrigin } = bank.system
  const source = bank.source()
  const refused = { status: 401, wwwAuthenticate: undefined, body: async () => '{"code":"900901"}' }
  for (let request = 0; request < 10; request++) {
    const attached = await attach(source, parseOrigins([apiOrigin]), { method: 'GET', url })
    if (await attached.replay(refused, true)) expect(await attached.replay(refused, true)).toBeUndefined()
  }
  expect(bank.tokenRequests()).toHaveLength(2)
})

test('a replay changes the token alone: x-idempotency-key and the rest stay the caller’s', async () => {
  await using bank = await startOpenBanking()
  bank.system.revoke((await bank.source().getTokenSet()).accessToken)
  const headers = await (await call(bank)).replay()
  expect(Object.keys(headers ?? {})).toEqual(['authorization'])
})
