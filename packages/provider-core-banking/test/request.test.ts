/** What the core banking API is sent to authenticate (providers.md, 3.1). */
import { clientCredentials, createClient, requestTokenSet } from '@grantkit/core'
import { rejection } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { coreBanking } from '../src/index.js'
import { startBank } from './bank.js'

const baseUrl = 'https://openapi.example.com'

describe('the address', () => {
  test('the path defaults to the documented one', () => {
    const { token_endpoint } = coreBanking({ baseUrl }).metadata
    expect(token_endpoint).toBe('https://openapi.example.com/api/auth/v1/authenticate')
  })

  test('a base URL may end in a slash, or have a path of its own', () => {
    expect(coreBanking({ baseUrl: `${baseUrl}/` }).metadata.token_endpoint).toBe(
      'https://openapi.example.com/api/auth/v1/authenticate',
    )
    expect(coreBanking({ baseUrl: `${baseUrl}/bank/` }).metadata.token_endpoint).toBe(
      'https://openapi.example.com/bank/api/auth/v1/authenticate',
    )
  })

  test('the path is an option, since installations differ', async () => {
    await using bank = await startBank()
    bank.system.settings.authenticatePath = '/api/auth/v1/token'
    await requestTokenSet(bank.client({}, { authenticatePath: '/api/auth/v1/token' }), clientCredentials())
    expect(bank.lastTokenRequest()).toMatchObject({ path: '/api/auth/v1/token', status: 200 })
  })
})

describe('the request', () => {
  test('is JSON with clientId and clientSecret, and nothing else', async () => {
    await using bank = await startBank()
    await requestTokenSet(bank.client(), clientCredentials())
    const { method, headers, body, query } = bank.lastTokenRequest()
    expect(method).toBe('POST')
    expect(headers['content-type']).toBe('application/json')
    expect(headers).not.toHaveProperty('authorization')
    expect(query).toBe('')
    expect(JSON.parse(body)).toEqual({ clientId: bank.system.clientId, clientSecret: bank.system.clientSecret })
  })

  test('spells clientId as the sample does, not clientID as the table does', async () => {
    await using bank = await startBank()
    bank.system.settings.memberNames = 'exact'
    await requestTokenSet(bank.client(), clientCredentials())
    expect(Object.keys(bank.lastTokenRequest().parameters)).toEqual(['clientId', 'clientSecret'])
  })

  test('a secret with any characters arrives as it is', async () => {
    await using bank = await startBank()
    bank.system.clientSecret = 'q"u\\o+t&e=d %20:|)ü'
    await requestTokenSet(bank.client(), clientCredentials())
    expect(bank.lastTokenRequest().parameters.clientSecret).toBe('q"u\\o+t&e=d %20:|)ü')
  })
})

describe('the limit of 100 characters', () => {
  const provider = coreBanking({ baseUrl })
  const longest = 'x'.repeat(100)

  test('100 characters are taken', () => {
    expect(createClient({ provider, clientId: longest, clientSecret: longest }).id).toBe(longest)
  })

  test.each([
    ['clientId', { clientId: `${longest}x`, clientSecret: 'secret' }],
    ['clientSecret', { clientId: 'id', clientSecret: `${longest}x` }],
  ])('a longer %s is refused when the client is made', (option, credentials) => {
    const make = () => createClient({ provider, ...credentials })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option }))
  })

  test('a longer secret read at run time is refused before anything is sent', async () => {
    await using bank = await startBank()
    const client = bank.client({ clientSecret: async () => `${longest}x` })
    const error = await rejection(requestTokenSet(client, clientCredentials()))
    expect(error).toMatchObject({ name: 'TypeError', option: 'clientSecret' })
    expect(String(error)).not.toContain('xxx')
    expect(bank.tokenRequests()).toHaveLength(0)
  })
})
