import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { clientCertificate } from '../src/certificate.js'
import { readPem } from '../src/pem.js'
import { signer } from '../src/signer.js'
import { refusal } from './answering.js'
import { issue } from './fixtures/certificates.js'

const { cert, key } = issue({ name: 'client' })
const base64 = key.split('\n').slice(1, -2).join('')
const ssh = key.replaceAll('PRIVATE KEY', 'OPENSSH PRIVATE KEY')
const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()

const paths = [
  './signing.pem',
  '../keys/signing',
  '/etc/ssl/private/signing.key',
  '~/signing',
  'C:\\new\\signing.p8',
  '\\\\host\\share\\key.pem',
  'file:///etc/ssl/key.pem',
  'signing.key\n',
  'certs/key',
  'secrets/signing.txt\n',
]

describe('a private key', () => {
  const wrong: readonly (readonly [string, string | Uint8Array, string])[] = [
    ...paths.map(
      path => [`the path ${JSON.stringify(path)}`, path, 'is a path; the private key itself is needed'] as const,
    ),
    [
      '\\n in letters',
      key.replaceAll('\n', '\\n'),
      "holds \\n as two characters where line breaks belong: pass pem.replaceAll('\\\\n', '\\n')",
    ],
    ['\\r\\n in letters', key.replaceAll('\n', '\\r\\n'), 'holds \\n as two characters'],
    ['blanks for line breaks', key.replaceAll('\n', ' '), 'stands on one line'],
    ['no line breaks', key.replaceAll('\n', ''), 'stands on one line'],
    ['indented lines', key.replaceAll(/^/gm, '  '), 'is indented'],
    ['no BEGIN and END', base64, 'is Base64 without the lines around it'],
    ['DER', Buffer.from(base64, 'base64'), 'is DER; the private key is needed in PEM'],
    ['a JWK as text', '{"kty":"EC"}', 'JSON.parse(text)'],
    ["OpenSSH's format", ssh, 'ssh-keygen -p -m PKCS8'],
    ['a certificate', cert, 'is a certificate; the private key is needed'],
    ['a public key', publicKey, 'is a public key; the private key is needed'],
    ['nothing', '', 'is empty: a variable that is not set?'],
    ['quotes around it', `"${key}"`, 'is in quotes'],
    ['words', 'hunter2', 'holds no private key in PEM'],
  ]
  for (const [name, given, message] of wrong)
    test(`given as ${name}: told, and not shown`, () => {
      const error = refusal(() => signer({ key: given, alg: 'ES256' }))
      expect(error.option).toBe('key')
      expect(error.message).toContain(message)
      expect(error.message).not.toMatch(/signing|hunter2|MI[A-Z]/)
    })

  test('with line breaks of Windows, or text around it, is read', () => {
    for (const text of [key.replaceAll('\n', '\r\n'), `\ufeff${key}`, `Bag Attributes\n${key}\n`])
      expect(readPem('key', text, 'private key')).toBe(text)
  })

  test('whose passphrase ends with a line break is told why it may not open', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'open sesame' }
    const encrypted = pair.privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString()
    const options = { key: encrypted, alg: 'ES256', passphrase: 'open sesame\n' } as const
    expect(refusal(() => signer(options)).message).toBe(
      'passphrase: does not decrypt the key (it ends with a line break: trim what comes from a file)',
    )
  })

  test('that is undefined is taken for an unset variable', () => {
    expect(refusal(() => signer({ key: undefined as never, alg: 'ES256' })).message).toContain(
      'it is undefined: an environment variable that is not set?',
    )
  })
})

describe('a certificate', () => {
  const wrong: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['its path', './client.crt', 'is a path; the certificate itself is needed: readFileSync(path)'],
    ['\\n in letters', cert.replaceAll('\n', '\\n'), 'holds \\n as two characters'],
    ['one line', cert.replaceAll('\n', ''), 'stands on one line'],
    ['a private key', key, 'is a private key; the certificate is needed'],
    ['a request for one', cert.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'), 'is a certificate request'],
    ['without its end', cert.slice(0, -40), 'holds a certificate that is cut off'],
  ]
  for (const [name, given, message] of wrong)
    test(`given as ${name}: told`, () => {
      const error = refusal(() => clientCertificate({ cert: given, key }))
      expect(error.option).toBe('certificate.cert')
      expect(error.message).toContain(message)
    })
})
