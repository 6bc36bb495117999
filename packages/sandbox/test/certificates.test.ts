import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { createCertificateAuthority, issueClientCertificates } from '../src/certificates.js'
import { integer, time } from '../src/der.js'

test('server certificates chain to the authority and carry every name', () => {
  const authority = createCertificateAuthority('Test CA')
  const issued = authority.issueServer(['localhost', '127.0.0.1'])
  const [ca, certificate] = [new X509Certificate(authority.cert), new X509Certificate(issued.cert)]
  expect([ca.ca, certificate.ca]).toEqual([true, false])
  expect(certificate.checkIssued(ca)).toBe(true)
  expect(certificate.verify(ca.publicKey)).toBe(true)
  expect(certificate.checkHost('localhost')).toBe('localhost')
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(certificate.checkHost('example.com')).toBeUndefined()
  expect(certificate.checkPrivateKey(createPrivateKey(issued.key))).toBe(true)
})

test('client certificates are the client, another one, a foreign one and an expired one', () => {
  const authority = createCertificateAuthority('Test CA')
  const certificates = issueClientCertificates(authority)
  const parsed = Object.values(certificates).map(({ cert }) => new X509Certificate(cert))
  const [client, other, foreign, expired] = parsed
  expect(parsed.map(certificate => authority.issued(certificate))).toEqual([true, true, false, true])
  expect(client?.subject).not.toBe(other?.subject)
  expect(client?.subject).toBe(foreign?.subject)
  expect(Date.parse(expired?.validTo ?? '')).toBeLessThan(Date.now())
  expect(client?.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
})

test('an authority of the same name is another one', () => {
  const [one, other] = [createCertificateAuthority('Test CA'), createCertificateAuthority('Test CA')]
  expect(one.issued(new X509Certificate(other.issueClient('client').cert))).toBe(false)
})

test('dates from 2050 on are GeneralizedTime', () => {
  expect(time(new Date('2049-12-31T23:59:59Z')).subarray(2).toString()).toBe('491231235959Z')
  expect(time(new Date('2050-01-01T00:00:00Z')).subarray(2).toString()).toBe('20500101000000Z')
})

test('integers are positive and as short as they can be', () => {
  expect([...integer(Buffer.from([0, 0, 0x80]))]).toEqual([2, 2, 0, 0x80])
  expect([...integer(Buffer.from([0, 0x7f]))]).toEqual([2, 1, 0x7f])
  expect([...integer(Buffer.from([0, 0]))]).toEqual([2, 1, 0])
})
