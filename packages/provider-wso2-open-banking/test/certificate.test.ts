/** The transport certificate on every request, and tokens bound to it (providers.md, 1.6). */
import {
  AuthorizationServerError,
  clientCertificate,
  clientCredentials,
  createTransport,
  requestTokenSet,
  TransportError,
} from '@grantkit/core'
import { rejection } from '@grantkit/testing'
import { expect, test } from 'vitest'
import { startOpenBanking } from './open-banking.js'

const grant = clientCredentials({ scope: 'accounts' })

test('a client without a certificate is refused when it is made', async () => {
  await using bank = await startOpenBanking()
  const make = () => bank.client({ tls: { ca: bank.sandbox.ca } })
  expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option: 'tls.certificate' }))
})

test('the certificate is presented whatever the method of client authentication', async () => {
  await using bank = await startOpenBanking()
  bank.system.settings.authMethod = 'client_secret_basic'
  await requestTokenSet(bank.client({ clientSecret: bank.system.clientSecret }), grant)
  expect(bank.lastTokenRequest().clientCertificateThumbprint).toBe(bank.certificate.thumbprint)
})

test('a request without one is 400 invalid_request, and final', async () => {
  await using bank = await startOpenBanking()
  const transport = createTransport({ ca: bank.sandbox.ca })
  const error = await rejection(requestTokenSet(bank.client({ transport }), grant))
  await transport.close()
  expect(error).toBeInstanceOf(AuthorizationServerError)
  expect(error).toMatchObject({
    serverStatus: 400,
    error: 'invalid_request',
    error_description: 'Transport certificate not found in the request',
    kind: 'terminal',
  })
})

test.each([
  ['foreign', 400, 'invalid_request', 'terminal'],
  ['expired', 401, 'Invalid mutual TLS request. Client certificate is expired', 'invalid_client'],
] as const)('a certificate that is %s is %i, and final', async (which, status, code, kind) => {
  await using bank = await startOpenBanking()
  const certificate = clientCertificate(bank.sandbox.certificates.foreign)
  const client = bank.client({ tls: { ca: bank.sandbox.ca, certificate } })
  certificate.replace(bank.sandbox.certificates[which])
  const error = await rejection(requestTokenSet(client, grant))
  expect(error).toMatchObject({ serverStatus: status, error: code, kind })
  expect(bank.tokenRequests()).toHaveLength(1)
})

test('an expired certificate is refused when the client is made', async () => {
  await using bank = await startOpenBanking()
  const certificate = clientCertificate(bank.sandbox.certificates.expired)
  expect(() => bank.client({ tls: { ca: bank.sandbox.ca, certificate } })).toThrow(/^tls\.certificate: expired on 20/)
})

test('a server that refuses in the handshake gives a TransportError', async () => {
  await using bank = await startOpenBanking()
  bank.system.settings.refuseInHandshake = true
  const certificate = clientCertificate(bank.sandbox.certificates.foreign)
  const error = await rejection(requestTokenSet(bank.client({ tls: { ca: bank.sandbox.ca, certificate } }), grant))
  expect(error).toBeInstanceOf(TransportError)
})

test('a token is bound to the certificate: with another one the gateway rejects it', async () => {
  await using bank = await startOpenBanking()
  const { accessToken } = await bank.source().getTokenSet()
  const certificate = clientCertificate(bank.sandbox.certificates.other)
  const transport = createTransport({ ca: bank.sandbox.ca, certificate })
  const headers = { authorization: `Bearer ${accessToken}` }
  const answer = await transport({ method: 'GET', url: bank.system.apiUrl, headers })
  await transport.close()
  expect(answer.status).toBe(401)
  expect(new TextDecoder().decode(answer.body)).toContain('900901')
})

test('a replaced certificate gets a token of its own', async () => {
  await using bank = await startOpenBanking()
  const source = bank.source()
  const first = await source.getTokenSet()
  bank.certificate.replace(bank.sandbox.certificates.other)
  const second = await source.getTokenSet()
  expect(second.accessToken).not.toBe(first.accessToken)
  expect(bank.system.issuedTokens.at(-1)?.certificateThumbprint).toBe(bank.certificate.thumbprint)
  const headers = await source.headersFor('GET', bank.system.apiUrl)
  expect((await source.client.transport({ method: 'GET', url: bank.system.apiUrl, headers })).status).toBe(200)
})
