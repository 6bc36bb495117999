import { expect, test } from 'vitest'
import { type AuthorizationServerMetadata, checkMetadata, endpointIn } from '../src/metadata.js'
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
