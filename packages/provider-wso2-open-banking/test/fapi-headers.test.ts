import { describe, expect, test } from 'vitest'
import { type FapiHeaderOptions, fapiHeaders } from '../src/index.js'

describe('fapiHeaders', () => {
  test('names each call by a UUID of its own, and says no more than it is told', () => {
    const [first, second] = [fapiHeaders(), fapiHeaders()]
    expect(Object.keys(first)).toEqual(['x-fapi-interaction-id'])
    expect(first['x-fapi-interaction-id']).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
    expect(first['x-fapi-interaction-id']).not.toBe(second['x-fapi-interaction-id'])
  })

  test('writes what is known of the customer, the date as HTTP has it', () => {
    expect(
      fapiHeaders({
        interactionId: 'i-1',
        authenticatedAt: Date.UTC(2017, 8, 10, 19, 43, 31),
        customerIpAddress: '2001:db8::1',
        customerUserAgent: 'Mozilla/5.0',
        financialId: 'open-bank',
      }),
    ).toEqual({
      'x-fapi-interaction-id': 'i-1',
      'x-fapi-auth-date': 'Sun, 10 Sep 2017 19:43:31 GMT',
      'x-fapi-customer-ip-address': '2001:db8::1',
      'x-customer-user-agent': 'Mozilla/5.0',
      'x-fapi-financial-id': 'open-bank',
    })
  })

  test.each<[string, unknown]>([
    ['interactionId', 'a\r\nb'],
    ['interactionId', ''],
    ['authenticatedAt', '2017'],
    ['authenticatedAt', Number.NaN],
    ['authenticatedAt', 1e300],
    ['customerIpAddress', 'localhost'],
    ['customerIpAddress', '127.0.0.1:443'],
    ['customerIpAddress', '300.1.1.1'],
    ['customerIpAddress', '[::1]'],
    ['customerUserAgent', 'Mozilla ✓'],
    ['financialId', 5],
    ['unknown', 'x'],
  ])('refuses %s %j by name', (option, value) => {
    expect(() => fapiHeaders({ [option]: value } as FapiHeaderOptions)).toThrow(expect.objectContaining({ option }))
  })
})
