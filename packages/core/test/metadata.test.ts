import { describe, expect, test } from 'vitest'
import {
  type AuthorizationServerMetadata,
  asDiscovered,
  browserEndpointIn,
  checkDocument,
  checkMetadata,
  endpointIn,
  flagIn,
  hintedList,
  statedList,
} from '../src/metadata.js'
import { refusal } from './answering.js'

const metadata = { issuer: 'https://as.example.com', token_endpoint: 'https://as.example.com/token' }
const alias = 'https://mtls.as.example.com/token'

test('returns metadata a secret can be sent by', () => {
  expect(checkMetadata(metadata)).toBe(metadata)
})

const wrong: readonly [option: string, metadata: unknown][] = [
  ['metadata', undefined],
  ['metadata', null],
  ['issuer', { ...metadata, issuer: '' }],
  ['token_endpoint', { ...metadata, token_endpoint: undefined }],
  ['token_endpoint', { ...metadata, token_endpoint: 'http://as.example.com/token' }],
  [
    'mtls_endpoint_aliases.token_endpoint',
    { ...metadata, mtls_endpoint_aliases: { token_endpoint: 'http://a.example' } },
  ],
]
for (const [option, value] of wrong)
  test(`names ${option} when it is wrong in ${JSON.stringify(value)}`, () => {
    expect(refusal(() => checkMetadata(value as AuthorizationServerMetadata)).option).toBe(option)
  })

test('takes the mutual-TLS alias of an endpoint with a certificate, where the server names one', () => {
  const revocation_endpoint = 'https://as.example.com/revoke'
  const both = { ...metadata, revocation_endpoint, mtls_endpoint_aliases: { token_endpoint: alias } }
  expect(endpointIn(both, 'token_endpoint', true)).toEqual({
    member: 'mtls_endpoint_aliases.token_endpoint',
    url: alias,
  })
  expect(endpointIn(both, 'token_endpoint', false).url).toBe(metadata.token_endpoint)
  expect(endpointIn(metadata, 'token_endpoint', true).url).toBe(metadata.token_endpoint)
  expect(endpointIn(both, 'revocation_endpoint', true)).toEqual({
    member: 'revocation_endpoint',
    url: revocation_endpoint,
  })
  expect(endpointIn(both, 'introspection_endpoint', true).url).toBeUndefined()
})

describe('a list', () => {
  const name = 'response_modes_supported'

  test('is a rule where it is stated, and a hint where it was discovered', () => {
    const list = ['jwt']
    const stated = { ...metadata, [name]: list }
    expect([statedList(stated, name), hintedList(stated, name)]).toEqual([list, undefined])
    const discovered = asDiscovered({ ...metadata, [name]: ['jwt'] }, {})
    expect([statedList(discovered, name), hintedList(discovered, name)]).toEqual([undefined, list])
    expect([statedList(metadata, name), hintedList(metadata, name)]).toEqual([undefined, undefined])
  })

  test('that is stated and is none is told when it is used, and makes no metadata unusable before', () => {
    const wrong = { ...metadata, [name]: 'jwt' } as unknown as AuthorizationServerMetadata
    expect(checkMetadata(wrong)).toBe(wrong)
    expect(refusal(() => statedList(wrong, name)).message).toBe(`${name}: must be a list, got string`)
  })

  test('that was discovered is no hint when it holds anything but texts', () => {
    const odd = asDiscovered({ ...metadata, [name]: ['jwt', 7] } as unknown as AuthorizationServerMetadata, {})
    expect(hintedList(odd, name)).toBeUndefined()
  })
})

describe('a flag', () => {
  const name = 'authorization_response_iss_parameter_supported'

  test.each([true, false, undefined])('is %s', flag => {
    expect(flagIn({ ...metadata, [name]: flag }, name)).toBe(flag)
  })

  test('that is no boolean is told when it is used, since a defence may depend on it', () => {
    const document = { ...metadata, [name]: 'true' } as unknown as AuthorizationServerMetadata
    checkDocument(document)
    expect(refusal(() => flagIn(document, name)).message).toBe(`${name}: must be true or false, got string`)
  })
})

describe('an endpoint for browsers', () => {
  const name = 'end_session_endpoint'

  test('keeps its own query', () => {
    const end_session_endpoint = 'https://as.example.com/logout?tenant=1'
    expect(browserEndpointIn({ ...metadata, end_session_endpoint }, name, 'example').href).toBe(end_session_endpoint)
  })

  test.each([
    ['that is missing', undefined, 'end_session_endpoint: is not in the metadata of example; if the server has one'],
    ['without TLS', 'http://as.example.com/logout', 'end_session_endpoint: must be an https URL'],
    ['with a script', 'javascript:alert(1)', 'end_session_endpoint: must be an https URL'],
    ['that is a number', 7 as never, 'end_session_endpoint: must be a string'],
  ])('%s is told by name', (_, end_session_endpoint, words) => {
    const error = refusal(() => browserEndpointIn({ ...metadata, end_session_endpoint }, name, 'example'))
    expect(error).toMatchObject({ option: name, message: expect.stringContaining(words) })
  })
})
