import { createPrivateKey, X509Certificate } from 'node:crypto'
import https from 'node:https'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  type ClientCertificateOptions,
  certificateThumbprint,
  checkTlsOptions,
  clientCertificate,
} from '../src/certificate.js'
import { httpsAgent, secureContext } from '../src/tls.js'
import { issue } from './fixtures/certificates.js'
import { ca, httpsServer, tellWhatWasSeen } from './fixtures/servers.js'
import { pfx, pfxPassphrase, pfxThumbprint } from './fixtures/throwaway-pfx.js'

const client = issue({ name: 'client', issuer: ca })
const other = issue({ name: 'other', issuer: ca })
const encryptedKey = createPrivateKey(client.key)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' })
  .toString()

function refusal(make: () => unknown): { option: string; message: string } {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return error as { option: string; message: string } & Error
  }
  throw new Error('nothing was refused')
}

describe('clientCertificate', () => {
  test('has the SHA-256 of the certificate as thumbprint, the leaf of a chain', () => {
    const { fingerprint256 } = new X509Certificate(client.cert)
    const expected = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
    expect(clientCertificate({ cert: client.cert + ca.cert, key: client.key }).thumbprint).toBe(expected)
    expect(certificateThumbprint(client.cert)).toBe(expected)
    expect(certificateThumbprint(new X509Certificate(client.cert))).toBe(expected)
  })

  test('reads a PFX', () => {
    const certificate = clientCertificate({ pfx, passphrase: pfxPassphrase })
    expect(certificate.thumbprint).toBe(pfxThumbprint)
    expect(new Date(certificate.expiresAt).getUTCFullYear()).toBe(2126)
  })

  test('reads bytes and an encrypted key', () => {
    const cert = Buffer.from(client.cert)
    const made = clientCertificate({ cert, key: Buffer.from(encryptedKey), passphrase: 'open sesame' })
    expect(made.thumbprint).toBe(certificateThumbprint(client.cert))
  })

  test('takes an expired certificate and says when it expired', () => {
    const notAfter = new Date('2026-01-31T12:00:00Z')
    const { cert, key } = issue({ name: 'expired', issuer: ca, notAfter })
    const certificate = clientCertificate({ cert, key })
    expect(certificate.expiresAt).toBe(notAfter.getTime())
    expect(certificate.validFrom).toBe(Date.parse(new X509Certificate(cert).validFrom))
  })

  const refused: [string, object, string][] = [
    ['a key that belongs to another certificate', { cert: client.cert, key: other.key }, 'certificate.key'],
    ['a chain that does not begin with the leaf', { cert: ca.cert + client.cert, key: client.key }, 'certificate.key'],
    ['a missing certificate', { key: client.key }, 'certificate.cert'],
    ['a missing key', { cert: client.cert }, 'certificate.key'],
    ['text that is no PEM as certificate', { cert: 'hunter2', key: client.key }, 'certificate.cert'],
    ['a damaged certificate', { cert: client.cert.replace('MII', 'MIA'), key: client.key }, 'certificate.cert'],
    ['a certificate as key', { cert: client.cert, key: client.cert }, 'certificate.key'],
    ['a key that is no PEM', { cert: client.cert, key: 'hunter2' }, 'certificate.key'],
    ['an encrypted key without passphrase', { cert: client.cert, key: encryptedKey }, 'certificate.passphrase'],
    ['a wrong passphrase', { cert: client.cert, key: encryptedKey, passphrase: 'hunter2' }, 'certificate.passphrase'],
    ['a PFX that is none', { pfx: Buffer.from('hunter2') }, 'certificate.pfx'],
    ['PEM as PFX', { pfx: Buffer.from(client.cert) }, 'certificate.pfx'],
    ['a PFX as text', { pfx: 'hunter2' }, 'certificate.pfx'],
    ['a wrong passphrase of a PFX', { pfx, passphrase: 'hunter2' }, 'certificate.passphrase'],
    ['a missing passphrase of a PFX', { pfx }, 'certificate.passphrase'],
    ['a PFX beside a certificate', { pfx, cert: client.cert, key: client.key }, 'certificate.pfx'],
    ['a misspelt option', { cert: client.cert, key: client.key, passPhrase: 'hunter2' }, 'passPhrase'],
  ]
  for (const [what, options, option] of refused)
    test(`refuses ${what}, naming the option and showing nothing`, () => {
      const error = refusal(() => clientCertificate(options as ClientCertificateOptions))
      expect(error.option).toBe(option)
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toMatch(/hunter2|open sesame|PRIVATE KEY/)
    })

  test('shows its thumbprint and nothing else', () => {
    const certificate = clientCertificate({ cert: client.cert, key: client.key, passphrase: 'open sesame' })
    expect(inspect(certificate)).toBe(`ClientCertificate { thumbprint: '${certificate.thumbprint}' }`)
    expect(JSON.parse(JSON.stringify({ certificate }))).toEqual({ certificate: { thumbprint: certificate.thumbprint } })
    expect(inspect(certificate, { depth: Infinity, showHidden: true })).not.toMatch(/PRIVATE|sesame/)
  })

  test('is replaced by a pair that fits, and tells who listens', () => {
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    let calls = 0
    const stop = certificate.onReplaced(() => calls++)
    certificate.replace({ cert: other.cert, key: other.key })
    expect(certificate.thumbprint).toBe(certificateThumbprint(other.cert))
    stop()
    certificate.replace({ pfx, passphrase: pfxPassphrase })
    expect(certificate.thumbprint).toBe(pfxThumbprint)
    expect(calls).toBe(1)
  })

  test('keeps the pair it has when the new one does not fit', () => {
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const held = certificate.contextOptions
    expect(refusal(() => certificate.replace({ cert: other.cert, key: client.key })).option).toBe('certificate.key')
    expect(certificate.contextOptions).toBe(held)
    expect(certificate.thumbprint).toBe(certificateThumbprint(client.cert))
  })
})

describe('checkTlsOptions', () => {
  const refused: [string, object, string][] = [
    ['a certificate that is only its options', { certificate: { cert: client.cert, key: client.key } }, 'certificate'],
    ['a CA that is no PEM', { ca: 'hunter2' }, 'ca'],
    ['one bad CA among good ones', { ca: [ca.cert, Buffer.from('hunter2')] }, 'ca'],
    ['a CA mode it does not know', { ca: ca.cert, caMode: 'none' }, 'caMode'],
    ['a CA mode without a CA', { caMode: 'replace' }, 'ca'],
    ['an empty list of CAs', { ca: [] }, 'ca'],
    ['an empty server name', { servername: '' }, 'servername'],
    ['a connect address without host', { connectTo: { port: 443 } }, 'connectTo.host'],
    ['a port that is none', { connectTo: { host: 'localhost', port: Number.NaN } }, 'connectTo.port'],
  ]
  for (const [what, options, option] of refused)
    test(`refuses ${what}`, () => {
      expect(refusal(() => checkTlsOptions(options)).option).toBe(option)
    })
})

describe('secureContext', () => {
  test('is made once, and again for another certificate', () => {
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const options = { certificate, ca: ca.cert }
    const first = secureContext(options)
    expect(secureContext(options)).toBe(first)
    certificate.replace({ cert: other.cert, key: other.key })
    expect(secureContext(options)).not.toBe(first)
  })
})

describe('httpsAgent', () => {
  test('presents the client certificate and trusts the CA', async () => {
    const { port } = await mutualTlsServer()
    const agent = httpsAgent({ certificate: clientCertificate({ cert: client.cert, key: client.key }), ca: ca.cert })
    expect(await get(`https://localhost:${port}/`, agent)).toMatchObject({ client: 'client', servername: 'localhost' })
    agent.destroy()
  })

  test('refuses a server no trusted CA vouches for, whatever it is told', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    const agent = httpsAgent({}, { rejectUnauthorized: false })
    await expect(get(`https://localhost:${port}/`, agent)).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    })
  })

  test('connects elsewhere while SNI, Host and verification stay the URL’s', async () => {
    const issued = issue({ name: 'idp', altNames: ['idp.example', '127.0.0.1'], issuer: ca })
    const { port } = await httpsServer(tellWhatWasSeen, { issued })
    const agent = httpsAgent({ ca: ca.cert, caMode: 'replace', connectTo: { host: '127.0.0.1', port } })
    expect(await get('https://idp.example/token', agent)).toMatchObject({
      servername: 'idp.example',
      headers: { host: 'idp.example' },
    })
    await expect(get('https://other.example/', agent)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    await expect(get('https://10.0.0.1/', agent)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    agent.destroy()
  })

  test('sends and verifies the server name it is given', async () => {
    const issued = issue({ name: 'inner', altNames: ['inner.example'], issuer: ca })
    const { port } = await httpsServer(tellWhatWasSeen, { issued })
    const agent = httpsAgent({ ca: ca.cert, servername: 'inner.example' })
    expect(await get(`https://localhost:${port}/`, agent)).toMatchObject({ servername: 'inner.example' })
    agent.destroy()
  })

  test('keeps connections, and opens new ones once the certificate is replaced', async () => {
    const server = await mutualTlsServer()
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const agent = httpsAgent({ certificate, ca: ca.cert })
    const url = `https://localhost:${server.port}/`
    expect(await get(url, agent)).toMatchObject({ client: 'client' })
    expect(await get(url, agent)).toMatchObject({ client: 'client' })
    expect(server.connections).toBe(1)
    certificate.replace({ cert: other.cert, key: other.key })
    expect(await get(url, agent)).toMatchObject({ client: 'other' })
    expect(server.connections).toBe(2)
    expect(idle(agent)).toBe(1)
    agent.destroy()
  })

  test('finishes what is under way on the old certificate and does not keep that connection', async () => {
    let finish = () => {}
    const waiting = new Promise<void>(resolve => {
      finish = resolve
    })
    let arrived = () => {}
    const first = new Promise<void>(resolve => {
      arrived = resolve
    })
    const server = await mutualTlsServer(async (request, response) => {
      arrived()
      if (request.url === '/slow') await waiting
      tellWhatWasSeen(request, response)
    })
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const agent = httpsAgent({ certificate, ca: ca.cert })
    const slow = get(`https://localhost:${server.port}/slow`, agent)
    await first
    certificate.replace({ cert: other.cert, key: other.key })
    expect(await get(`https://localhost:${server.port}/`, agent)).toMatchObject({ client: 'other' })
    finish()
    expect(await slow).toMatchObject({ client: 'client' })
    for (let n = 0; n < 3; n++)
      expect(await get(`https://localhost:${server.port}/`, agent)).toMatchObject({ client: 'other' })
    expect(server.connections).toBe(2)
    expect(Object.keys(agent.sockets)).toEqual([])
    expect(idle(agent)).toBe(1)
    agent.destroy()
  })

  test('refuses options it does not know', () => {
    expect(refusal(() => httpsAgent({ rejectUnauthorized: false } as never)).option).toBe('rejectUnauthorized')
  })
})

function idle(agent: https.Agent): number {
  return Object.values(agent.freeSockets).flat().length
}

function mutualTlsServer(handler: Parameters<typeof httpsServer>[0] = tellWhatWasSeen) {
  return httpsServer(handler, { requestCert: true, rejectUnauthorized: true, ca: ca.cert })
}

function get(url: string, agent: https.Agent): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { agent }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => setImmediate(() => resolve(JSON.parse(Buffer.concat(chunks).toString()))))
    })
    request.on('error', reject)
  })
}
