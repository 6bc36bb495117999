import { expect, test } from 'vitest'
import { selfSignedTlsClientAuth, tlsClientAuth } from '../../src/client-auth/tls-client-auth.js'
import { authenticated } from '../answering.js'

for (const auth of [tlsClientAuth(), selfSignedTlsClientAuth()])
  test(`${auth.method} sends the client id, and wants a certificate`, async () => {
    expect(auth.requiresCertificate).toBe(true)
    expect(await authenticated(auth)).toEqual({ parameters: { grant_type: 'x', client_id: 'client-1' }, headers: {} })
  })

test('the two are told apart by the names RFC 8705 §2 has for them', () => {
  expect(tlsClientAuth().method).toBe('tls_client_auth')
  expect(selfSignedTlsClientAuth().method).toBe('self_signed_tls_client_auth')
})
