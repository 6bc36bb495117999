import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { clientCertificate } from '../src/certificate.js'
import { httpsAgent } from '../src/tls.js'
import { createTransport, type TransportOptions } from '../src/transport.js'
import { issue } from './fixtures/certificates.js'
import { ca, httpsServer, tellWhatWasSeen } from './fixtures/servers.js'
import { pfxPassphrase } from './fixtures/throwaway-pfx.js'
import { issuedByItsCa, pfxWithChain } from './fixtures/throwaway-pfx-chain.js'

const certificate = clientCertificate({ pfx: pfxWithChain, passphrase: pfxPassphrase })

async function ask(url: string, options: TransportOptions): Promise<string> {
  const transport = createTransport({ proxy: false, ...options })
  onTestFinished(() => transport.close())
  const request = { method: 'GET', url, headers: {} }
  return transport(request).then(
    ({ body }) => JSON.parse(Buffer.from(body).toString()).client ?? 'no certificate',
    ({ code }) => code,
  )
}

function askWithAgent(url: string, options: TransportOptions): Promise<string> {
  const agent = httpsAgent(options)
  onTestFinished(() => agent.destroy())
  return new Promise(resolve => {
    https
      .get(url, { agent }, response => resolve(`${response.resume().statusCode}`))
      .on('error', error => {
        resolve((error as NodeJS.ErrnoException).code ?? '')
      })
  })
}

describe('the CAs in a PFX', () => {
  const asks = { requestCert: true, rejectUnauthorized: false }
  const ofItsCa = () => httpsServer(tellWhatWasSeen, { issued: { ...issuedByItsCa, name: '' } as never, ...asks })
  const ofOurs = () => httpsServer(tellWhatWasSeen, asks)

  test.each<[string, TransportOptions]>([
    ['alone', {}],
    ['beside a CA', { ca: ca.cert }],
    ['beside a CA that replaces Node’s', { ca: ca.cert, caMode: 'replace' }],
  ])('do not vouch for a server, %s', async (_, options) => {
    const url = `https://localhost:${(await ofItsCa()).port}/`
    expect(await ask(url, { certificate, ...options })).toBe('ERR_TRANSPORT_TLS')
    expect(await askWithAgent(url, { certificate, ...options })).toBe('CERT_UNTRUSTED')
  })

  test('do when they are given as `ca`', async () => {
    const url = `https://localhost:${(await ofItsCa()).port}/`
    const options = { certificate, ca: issuedByItsCa.ca }
    expect(await ask(url, options)).toBe('client in a chain')
    expect(await ask(url, { ...options, caMode: 'replace' })).toBe('client in a chain')
    expect(await askWithAgent(url, options)).toBe('200')
  })

  test('keep no other CA from it: the certificate is presented as before', async () => {
    const url = `https://localhost:${(await ofOurs()).port}/`
    expect(await ask(url, { certificate, ca: ca.cert })).toBe('client in a chain')
    expect(await ask(url, { certificate, ca: ca.cert, caMode: 'replace' })).toBe('client in a chain')
  })
})

describe('in a process of its own', () => {
  const script = fileURLToPath(new URL('fixtures/ask.mjs', import.meta.url))
  const folder = () => {
    const path = mkdtempSync(join(tmpdir(), 'grantkit-ca-'))
    onTestFinished(() => rmSync(path, { recursive: true, force: true }))
    return path
  }
  const run = async (args: readonly string[], environment: Record<string, string>) => {
    const { NODE_OPTIONS: _, NODE_EXTRA_CA_CERTS: __, ...env } = process.env
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...env, ...environment } })
    return stdout.trim()
  }
  const file = (path: string, text: string) => {
    writeFileSync(path, text)
    return path
  }
  const opensslsCa = issue({ name: 'CA of OpenSSL' })
  const issued = issue({ name: 'localhost', altNames: ['localhost'], issuer: opensslsCa })

  test('a CA beside those of --use-openssl-ca replaces none of them', async () => {
    const path = folder()
    const SSL_CERT_FILE = file(join(path, 'openssl.pem'), opensslsCa.cert)
    const ours = file(join(path, 'ours.pem'), ca.cert)
    const [theirs, own] = [await httpsServer(tellWhatWasSeen, { issued }), await httpsServer(tellWhatWasSeen)]
    for (const { port } of [theirs, own]) {
      const args = [script, `https://localhost:${port}/`, ours]
      expect(await run(['--use-openssl-ca', ...args], { SSL_CERT_FILE })).toBe('200')
      expect(await run(args, { SSL_CERT_FILE, NODE_OPTIONS: '--use-openssl-ca' })).toBe('200')
    }
    const args = [script, `https://localhost:${theirs.port}/`, ours]
    expect(await run(args, { SSL_CERT_FILE })).toMatch(/^ERR_TRANSPORT_TLS/)
  })

  test('a CA in a folder of OpenSSL’s is one of them', async () => {
    const path = folder()
    file(join(path, '0123abcd.0'), opensslsCa.cert)
    const ours = file(join(path, 'ours.pem'), ca.cert)
    const { port } = await httpsServer(tellWhatWasSeen)
    const args = ['--use-openssl-ca', script, `https://localhost:${port}/`, ours]
    expect(await run(args, { SSL_CERT_DIR: path, SSL_CERT_FILE: join(path, 'missing') })).toBe('200')
  })

  test('a file of NODE_EXTRA_CA_CERTS that is missing fails no request', async () => {
    const path = folder()
    const ours = file(join(path, 'ours.pem'), ca.cert)
    const { port } = await httpsServer(tellWhatWasSeen)
    const args = [script, `https://localhost:${port}/`, ours]
    expect(await run(args, { NODE_EXTRA_CA_CERTS: join(path, 'missing.pem') })).toBe('200')
  })

  test('the CAs of NODE_EXTRA_CA_CERTS stay beside the one that is given', async () => {
    const path = folder()
    const NODE_EXTRA_CA_CERTS = file(join(path, 'extra.pem'), opensslsCa.cert)
    const ours = file(join(path, 'ours.pem'), ca.cert)
    const { port } = await httpsServer(tellWhatWasSeen, { issued })
    for (const flags of [[], ['--use-openssl-ca']])
      expect(await run([...flags, script, `https://localhost:${port}/`, ours], { NODE_EXTRA_CA_CERTS })).toBe('200')
  })
})
