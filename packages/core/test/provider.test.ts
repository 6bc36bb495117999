import { describe, expect, test } from 'vitest'
import { defineProvider, type ProviderDefinition } from '../src/define-provider.js'
import { encodeForm, encodeJson, formEncode } from '../src/request-encoding.js'
import { endpoint, issuer, refusal } from './answering.js'

const definition: ProviderDefinition = { name: 'example', metadata: { issuer, token_endpoint: endpoint } }

describe('defineProvider', () => {
  test('follows the RFCs where nothing else is said', () => {
    expect(defineProvider(definition)).toEqual({ ...definition, conform: {} })
  })

  const wrong: readonly [option: string, definition: unknown][] = [
    ['defineProvider()', undefined],
    ['conforms', { ...definition, conforms: {} }],
    ['name', { ...definition, name: '' }],
    ['metadata', { name: 'example' }],
    ['token_endpoint', { ...definition, metadata: { issuer, token_endpoint: 'http://as.example.com' } }],
    ['basicCredentials', { ...definition, conform: { basicCredentials: 'base64' } }],
    ['zeroExpiresIn', { ...definition, conform: { zeroExpiresIn: 'forever' } }],
    ['responseEncoding', { ...definition, conform: { responseEncoding: 'xml' } }],
    ['rejectionStatuses', { ...definition, conform: { rejectionStatuses: [] } }],
    ['rejectionStatuses', { ...definition, conform: { rejectionStatuses: 403 } }],
    ['rejectionStatuses', { ...definition, conform: { rejectionStatuses: [401, 200] } }],
    ['rejectionStatuses', { ...definition, conform: { rejectionStatuses: ['403'] } }],
    ['refreshEndpoint', { ...definition, conform: { refreshEndpoint: 'http://as.example.com/refresh' } }],
    ['mapTokenResponce', { ...definition, conform: { mapTokenResponce: () => ({}) } }],
  ]
  for (const [option, value] of wrong)
    test(`names ${option} when it is ${JSON.stringify((value as ProviderDefinition | undefined)?.conform ?? value)}`, () => {
      expect(refusal(() => defineProvider(value as ProviderDefinition)).option).toBe(option)
    })

  test('cannot be changed afterwards', () => {
    expect(Object.isFrozen(defineProvider(definition))).toBe(true)
  })
})

describe('encodeForm', () => {
  test('writes what URLSearchParams writes, repeats lists, leaves out what is undefined', () => {
    expect(encodeForm({ scope: 'a b', resource: ['https://a', 'https://b'], absent: undefined, empty: '' })).toEqual({
      contentType: 'application/x-www-form-urlencoded',
      body: 'scope=a+b&resource=https%3A%2F%2Fa&resource=https%3A%2F%2Fb&empty=',
    })
  })

  test('leaves no way out of a value', () => {
    expect(encodeForm({ code: 'x&grant_type=password\r\n=é' }).body).toBe(
      'code=x%26grant_type%3Dpassword%0D%0A%3D%C3%A9',
    )
  })

  test('writes one value as it stands in a form', () => {
    expect(formEncode('a b+c~!')).toBe('a+b%2Bc%7E%21')
  })
})

describe('encodeJson', () => {
  test('renames and leaves out members', () => {
    const { contentType, body } = encodeJson(
      { grant_type: 'x', client_id: 'a', client_secret: '"^|),\\', scope: undefined },
      { grant_type: undefined, client_id: 'clientId' },
    )
    expect(contentType).toBe('application/json')
    expect(JSON.parse(body)).toEqual({ clientId: 'a', client_secret: '"^|),\\' })
  })
})
