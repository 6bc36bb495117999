import http from 'node:http'
import net from 'node:net'
import { inspect } from 'node:util'
import zlib from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { clientCertificate } from '../src/certificate.js'
import { OriginError, TokenResponseError, TransportError } from '../src/errors.js'
import { createTransport, type TransportOptions, type TransportResponse } from '../src/transport.js'
import { issue } from './fixtures/certificates.js'
import { ca, connectProxy, httpsServer, listen, localhost, tellWhatWasSeen } from './fixtures/servers.js'
import { pfx, pfxPassphrase } from './fixtures/throwaway-pfx.js'

const client = issue({ name: 'client', issuer: ca })
const other = issue({ name: 'other', issuer: ca })

/** A transport that trusts the test's CA and uses no proxy; closed when the test ends. */
function transportFor(options: TransportOptions = {}) {
  const transport = createTransport({ ca: ca.cert, caMode: 'replace', proxy: false, ...options })
  onTestFinished(() => transport.close())
  return transport
}

const get = (url: string, headers = {}) => ({ method: 'GET', url, headers })
const post = (url: string, body: string | Uint8Array) => ({ method: 'POST', url, headers: {}, body })
const text = (response: TransportResponse) => Buffer.from(response.body).toString()
const seen = (response: TransportResponse) => JSON.parse(text(response))

async function failure<E = TransportError>(promise: Promise<unknown>): Promise<E> {
  return promise.then(
    () => Promise.reject(new Error('nothing failed')),
    error => error,
  )
}

function gate() {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { open, opened }
}

function refusal(make: () => unknown): { option: string; message: string } {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return error as { option: string; message: string } & Error
  }
  throw new Error('nothing was refused')
}

describe('a request', () => {
  test('arrives with method, path, query, headers and body; the answer comes back', async () => {
    const { port } = await httpsServer((request, response) => {
      response.writeHead(201, { 'X-One': '1', 'set-cookie': ['a', 'b'] })
      tellWhatWasSeen(request, response)
    })
    const request = { ...post(`https://localhost:${port}/token?a=b`, 'grant_type=é'), headers: { accept: 'x/y' } }
    const response = await transportFor()(request)
    expect(response.status).toBe(201)
    expect(response.headers.get('x-one')).toBe('1')
    expect(response.headers.get('X-ONE')).toBe('1')
    expect(response.headers.get('set-cookie')).toBe('a, b')
    expect(response.headers.get('absent')).toBe(null)
    expect(seen(response)).toMatchObject({
      method: 'POST',
      url: '/token?a=b',
      body: 'grant_type=é',
      headers: { host: `localhost:${port}`, accept: 'x/y', 'content-length': '13' },
    })
  })

  test('sends bytes as they are', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    const bytes = new Uint8Array(Buffer.from('xxbytesxx')).subarray(2, 7)
    expect(seen(await transportFor()(post(`https://localhost:${port}/`, bytes))).body).toBe('bytes')
  })

  test('reuses the connection of the one before', async () => {
    const server = await httpsServer(tellWhatWasSeen)
    const transport = transportFor()
    for (let n = 0; n < 5; n++) await transport(post(`https://localhost:${server.port}/`, 'x'))
    expect(server.connections).toBe(1)
  })

  test('follows no redirect', async () => {
    const requests: unknown[] = []
    const { port } = await httpsServer((request, response) => {
      requests.push(request.url)
      response.writeHead(307, { location: '/elsewhere' }).end('moved')
    })
    const response = await transportFor()(post(`https://localhost:${port}/token`, 'secret'))
    expect([response.status, response.headers.get('location'), text(response)]).toEqual([307, '/elsewhere', 'moved'])
    expect(requests).toEqual(['/token'])
  })

  test('goes over plain http to loopback, and nowhere else', async () => {
    const transport = transportFor()
    const plain = await plainServer((_, response) => response.end('plain'))
    expect(text(await transport(get(plain)))).toBe('plain')
    const error = await failure<OriginError>(transport(get('http://api.example/path?secret=s3cret')))
    expect(error).toBeInstanceOf(OriginError)
    expect(error.origin).toBe('http://api.example')
    expect(error.message).not.toContain('s3cret')
    expect(await failure(transport(get('no URL')))).toBeInstanceOf(OriginError)
  })

  test('gives the answer to HEAD and an answer without content', async () => {
    const { port } = await httpsServer((_, response) => response.writeHead(204, { 'content-encoding': 'gzip' }).end())
    const transport = transportFor()
    expect((await transport({ ...get(`https://localhost:${port}/`), method: 'HEAD' })).body.length).toBe(0)
    expect((await transport(get(`https://localhost:${port}/`))).status).toBe(204)
  })

  test('leaves the built-in fetch its own dispatcher', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    await transportFor()(get(`https://localhost:${port}/`))
    const { Agent } = await import('undici')
    const installed = (globalThis as Record<symbol, unknown>)[Symbol.for('undici.globalDispatcher.1')]
    expect(installed).toBeDefined()
    expect(installed).not.toBeInstanceOf(Agent)
  })
})

describe('TLS', () => {
  test('refuses a server no trusted CA vouches for, and says what to do', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    const error = await failure(createTransport({ proxy: false })(get(`https://localhost:${port}/token?q=s3cret`)))
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT_TLS', neverSent: true, retryable: false })
    expect(error.message).toBe(
      `GET https://localhost:${port}/token: the server's certificate is not trusted: pass its CA as \`ca\` ` +
        '(UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
    )
  })

  test('stays on when the environment switches verification off', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    setEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })
    const transport = createTransport({ proxy: false })
    expect(await failure(transport(get(`https://localhost:${port}/`)))).toMatchObject({ code: 'ERR_TRANSPORT_TLS' })
  })

  test('trusts given CAs beside Node’s or instead of them', async () => {
    const foreign = issue({ name: 'Foreign CA' })
    const { port } = await httpsServer(tellWhatWasSeen)
    const url = `https://localhost:${port}/`
    expect((await transportFor({ caMode: 'add' })(get(url))).status).toBe(200)
    expect((await transportFor({ ca: [foreign.cert, Buffer.from(ca.cert)] })(get(url))).status).toBe(200)
    const error = await failure(transportFor({ ca: foreign.cert, caMode: 'replace' })(get(url)))
    expect(error.code).toBe('ERR_TRANSPORT_TLS')
  })

  test('names a host name mismatch and an expired server certificate', async () => {
    const elsewhere = issue({ name: 'elsewhere', altNames: ['elsewhere.example'], issuer: ca })
    const past = new Date(Date.now() - 60_000)
    const expired = issue({ name: 'localhost', altNames: ['localhost'], issuer: ca, notAfter: past })
    for (const [issued, message] of [
      [elsewhere, /another name.*`servername`/],
      [expired, /expired/],
    ] as const) {
      const { port } = await httpsServer(tellWhatWasSeen, { issued })
      const error = await failure(transportFor()(get(`https://localhost:${port}/`)))
      expect(error).toMatchObject({ code: 'ERR_TRANSPORT_TLS', retryable: false, neverSent: true })
      expect(error.message).toMatch(message)
    }
  })

  test('says so when the server speaks no TLS', async () => {
    const { port } = await listen(http.createServer())
    expect(await failure(transportFor()(get(`https://localhost:${port}/`)))).toMatchObject({
      code: 'ERR_TRANSPORT_TLS',
      neverSent: true,
    })
  })

  test('presents a client certificate, with an encrypted key too', async () => {
    const { port } = await mutualTlsServer()
    const key = client.privateKey.export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'sesame' })
    for (const options of [
      { cert: client.cert, key: client.key },
      { cert: client.cert, key: key.toString(), passphrase: 'sesame' },
    ]) {
      const response = await transportFor({ certificate: clientCertificate(options) })(
        get(`https://localhost:${port}/`),
      )
      expect(seen(response).client).toBe('client')
    }
  })

  test('presents the certificate of a PFX', async () => {
    const { port } = await httpsServer(tellWhatWasSeen, { requestCert: true, rejectUnauthorized: false })
    const certificate = clientCertificate({ pfx, passphrase: pfxPassphrase })
    expect(seen(await transportFor({ certificate })(get(`https://localhost:${port}/`))).client).toBe('throwaway')
  })

  test('fails when the server wants a client certificate and there is none', async () => {
    const { port } = await mutualTlsServer()
    expect((await failure(transportFor()(get(`https://localhost:${port}/`)))).code).toMatch(/^ERR_TRANSPORT/)
  })

  test('connects elsewhere while SNI, Host and verification stay the URL’s', async () => {
    const issued = issue({ name: 'idp', altNames: ['idp.example', '127.0.0.1'], issuer: ca })
    const { port } = await httpsServer(tellWhatWasSeen, { issued })
    const transport = transportFor({ connectTo: { host: '127.0.0.1', port } })
    expect(seen(await transport(get('https://idp.example/token')))).toMatchObject({
      servername: 'idp.example',
      headers: { host: 'idp.example' },
    })
    const misleading = get('https://other.example/', { host: 'idp.example' })
    expect((await failure(transport(misleading))).message).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/)
    for (const url of ['https://other.example/', 'https://10.0.0.1/', 'https://[2001:db8::1]/'])
      expect((await failure(transport(get(url)))).message).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/)
  })

  test('sends and verifies the given server name, and no name for an IP address', async () => {
    const issued = issue({ name: 'inner', altNames: ['inner.example'], issuer: ca })
    const inner = await httpsServer(tellWhatWasSeen, { issued })
    const response = await transportFor({ servername: 'inner.example' })(get(`https://localhost:${inner.port}/`))
    expect(seen(response)).toMatchObject({ servername: 'inner.example', headers: { host: `localhost:${inner.port}` } })
    const plain = await httpsServer(tellWhatWasSeen)
    expect(seen(await transportFor()(get(`https://127.0.0.1:${plain.port}/`))).servername).toBe(false)
  })
})

describe('a replaced certificate', () => {
  test('is used from the next request on, over a new connection', async () => {
    const server = await mutualTlsServer()
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const transport = transportFor({ certificate })
    const url = `https://localhost:${server.port}/`
    expect(seen(await transport(get(url))).client).toBe('client')
    certificate.replace({ cert: other.cert, key: other.key })
    expect(seen(await transport(get(url))).client).toBe('other')
    expect(server.connections).toBe(2)
  })

  test('fails none of 120 requests under way, whatever stage they are in', async () => {
    const { opened, open } = gate()
    const half = gate()
    let arrivals = 0
    const server = await mutualTlsServer(async (request, response) => {
      if (++arrivals === 60) half.open()
      await opened
      tellWhatWasSeen(request, response)
    })
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const transport = transportFor({ certificate })
    const ask = () => transport(post(`https://localhost:${server.port}/`, 'x')).then(response => seen(response).client)
    const before = Array.from({ length: 60 }, ask)
    await half.opened
    const connecting = Array.from({ length: 20 }, ask)
    certificate.replace({ cert: other.cert, key: other.key })
    const after = Array.from({ length: 40 }, ask)
    open()
    expect(new Set(await Promise.all(before))).toEqual(new Set(['client']))
    expect((await Promise.all(connecting)).length).toBe(20)
    expect(new Set(await Promise.all(after))).toEqual(new Set(['other']))
  })

  test('leaves no connection of the old one open', async () => {
    const arrived = gate()
    const { opened, open } = gate()
    const server = await mutualTlsServer(async (request, response) => {
      arrived.open()
      await opened
      tellWhatWasSeen(request, response)
    })
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const transport = transportFor({ certificate, keepAliveMs: 3_600_000 })
    const slow = transport(get(`https://localhost:${server.port}/`))
    await arrived.opened
    const [socket] = server.sockets
    certificate.replace({ cert: other.cert, key: other.key })
    open()
    const closed = new Promise(resolve => socket?.once('close', resolve))
    await Promise.all([slow, transport(get(`https://localhost:${server.port}/`))])
    await closed
    expect(server.sockets.size).toBe(1)
  })
})

describe('a request that wants a fresh connection', () => {
  const fresh = (url: string) => ({ ...post(url, 'code=one'), fresh: true })

  test('is given one that nobody has used, and leaves it to nobody', async () => {
    const server = await httpsServer(tellWhatWasSeen)
    const transport = transportFor()
    const url = `https://localhost:${server.port}/`
    await transport(post(url, 'x'))
    const closed = new Promise<void>(resolve => {
      server.opened = socket => socket.on('close', () => resolve())
    })
    expect(seen(await transport(fresh(url)))).toMatchObject({ body: 'code=one', servername: 'localhost' })
    await closed
    await transport(post(url, 'x'))
    expect(server.connections).toBe(2)
  })

  test('is answered though the connection of the one before is dead, and nobody was told', async () => {
    const server = await httpsServer(tellWhatWasSeen)
    const way = await relayTo(server.port)
    const transport = transportFor({ timeoutMs: 5_000 })
    const url = `https://localhost:${way.port}/`
    await transport(post(url, 'x'))
    way.silence()
    expect(seen(await transport(fresh(url))).body).toBe('code=one')
  })

  test('goes the way of all others: certificate, proxy and address', async () => {
    const issued = issue({ name: 'api', altNames: ['api.example'], issuer: ca })
    const server = await mutualTlsServer(tellWhatWasSeen, issued)
    const proxy = await connectProxy(server.port)
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const connectTo = { host: '10.1.2.3', port: 8443 }
    const transport = transportFor({ certificate, proxy: `localhost:${proxy.port}`, connectTo })
    expect(seen(await transport(fresh('https://api.example/'))).client).toBe('client')
    certificate.replace({ cert: other.cert, key: other.key })
    expect(seen(await transport(fresh('https://api.example/'))).client).toBe('other')
    expect(proxy.tunnels.map(({ authority }) => authority)).toEqual(['10.1.2.3:8443', '10.1.2.3:8443'])
  })

  test('that is given up while connecting is never sent', async () => {
    const [connecting, going, gone] = [gate(), gate(), gate()]
    const requests: unknown[] = []
    const server = await httpsServer((request, response) => {
      requests.push(request.url)
      response.end()
    })
    const { port } = await listen(
      net.createServer(async socket => {
        connecting.open()
        socket.on('close', gone.open)
        await going.opened
        socket.pipe(net.connect(server.port, '127.0.0.1')).pipe(socket)
      }),
    )
    const controller = new AbortController()
    const stopped = failure(transportFor()({ ...fresh(`https://localhost:${port}/`), signal: controller.signal }))
    await connecting.opened
    controller.abort()
    await stopped
    going.open()
    await gone.opened
    expect(requests).toEqual([])
  })

  test('that gets no answer is told apart like any other', async () => {
    const reset = await httpsServer(request => request.socket.destroy())
    const refused = await closedPort()
    const transport = transportFor()
    expect(await failure(transport(fresh(`https://localhost:${reset.port}/`)))).toMatchObject({ neverSent: false })
    expect(await failure(transport(fresh(`https://localhost:${refused.port}/`)))).toMatchObject({ neverSent: true })
  })
})

describe('the deadline', () => {
  const phases: [string, boolean, () => Promise<{ url: string; options?: TransportOptions }>][] = [
    ['the TLS handshake', true, async () => ({ url: `https://localhost:${(await silentServer()).port}/` })],
    [
      'the head of the answer',
      false,
      async () => ({ url: `https://localhost:${(await httpsServer(() => {})).port}/` }),
    ],
    [
      'the body of the answer',
      false,
      async () => ({ url: await plainServer((_, response) => response.writeHead(200).write('{"access_')) }),
    ],
    [
      'the tunnel through a proxy',
      true,
      async () => {
        const { port } = await silentServer()
        return { url: 'https://api.example/', options: { proxy: `http://localhost:${port}` } }
      },
    ],
    [
      'the handshake behind another address',
      true,
      async () => {
        const { port } = await silentServer()
        return { url: 'https://api.example/', options: { connectTo: { host: '127.0.0.1', port } } }
      },
    ],
  ]
  for (const [phase, neverSent, make] of phases)
    test(`ends a request that hangs in ${phase}`, async () => {
      const { url, options } = await make()
      const error = await failure(transportFor({ ...options, timeoutMs: 300 })(post(url, 'x')))
      expect(error).toMatchObject({ code: 'ERR_TRANSPORT_TIMEOUT', neverSent, retryable: true })
      expect(error.message).toMatch(/^POST http.* no answer within 300 ms$/)
    })
})

describe('the caller’s signal', () => {
  test('rejects with its reason, before the request and while it is under way', async () => {
    const arrived = gate()
    const { port } = await httpsServer(() => arrived.open())
    const transport = transportFor()
    const url = `https://localhost:${port}/`
    const reason = { why: 'enough' }
    expect(await failure(transport({ ...get(url), signal: AbortSignal.abort(reason) }))).toBe(reason)
    const controller = new AbortController()
    const answer = failure(transport({ ...get(url), signal: controller.signal }))
    await arrived.opened
    controller.abort(reason)
    expect(await answer).toBe(reason)
  })

  test('while connecting keeps the request from ever being sent', async () => {
    const { opened, open } = gate()
    const requests: unknown[] = []
    const upstream = await httpsServer((request, response) => {
      requests.push(request.url)
      response.end()
    })
    const connecting = gate()
    const gone = gate()
    const { port } = await listen(
      net.createServer(async socket => {
        connecting.open()
        socket.on('close', gone.open)
        await opened
        socket.pipe(net.connect(upstream.port, '127.0.0.1')).pipe(socket)
      }),
    )
    const controller = new AbortController()
    const stopped = failure(transportFor()({ ...get(`https://localhost:${port}/`), signal: controller.signal }))
    await connecting.opened
    controller.abort()
    await stopped
    open()
    await gone.opened
    expect(upstream.connections).toBe(1)
    expect(requests).toEqual([])
  })

  test('stops nobody else', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    const transport = transportFor()
    const controller = new AbortController()
    const stopped = failure(transport({ ...get(`https://localhost:${port}/`), signal: controller.signal }))
    const answer = transport(get(`https://localhost:${port}/`))
    controller.abort()
    await stopped
    expect((await answer).status).toBe(200)
  })
})

describe('an answer', () => {
  const encoders: Record<string, (data: Buffer) => Buffer> = {
    gzip: zlib.gzipSync,
    'x-gzip': zlib.gzipSync,
    deflate: zlib.deflateSync,
    br: zlib.brotliCompressSync,
    identity: data => data,
  }
  for (const [encoding, encode] of Object.entries(encoders))
    test(`is decompressed from ${encoding}`, async () => {
      const transport = transportFor()
      expect(text(await transport(get(await serve(encode(Buffer.from('{"a":1}')), encoding))))).toBe('{"a":1}')
    })

  test('is decompressed from deflate without its header, and from zstd where Node can', async () => {
    const { zstdCompressSync } = zlib as { zstdCompressSync?: (data: Buffer) => Buffer }
    const transport = transportFor()
    expect(text(await transport(get(await serve(zlib.deflateRawSync(Buffer.from('raw')), 'Deflate'))))).toBe('raw')
    const zstd = zstdCompressSync?.(Buffer.from('zstd')) ?? Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
    const answer = transport(get(await serve(zstd, 'zstd')))
    if (zstdCompressSync !== undefined) expect(text(await answer)).toBe('zstd')
    else expect(await failure(answer)).toBeInstanceOf(TokenResponseError)
  })

  test('is decompressed from several encodings, the last one first', async () => {
    const body = zlib.brotliCompressSync(zlib.gzipSync(Buffer.from('twice')))
    expect(text(await transportFor()(get(await serve(body, 'gzip, br'))))).toBe('twice')
  })

  test('as large as the limit is taken, one byte more is not', async () => {
    const transport = transportFor({ maxResponseBytes: 1000 })
    expect((await transport(get(await serve(Buffer.alloc(1000, 'a'))))).body.length).toBe(1000)
    const error = await failure<TokenResponseError>(transport(get(await serve(Buffer.alloc(1001, 'a')))))
    expect(error).toBeInstanceOf(TokenResponseError)
    expect(error).toMatchObject({ serverStatus: 200, retryable: false })
    expect(error.message).toMatch(/1000 bytes \(maxResponseBytes\)/)
  })

  test('without end is cut off at the limit', async () => {
    const cut = gate()
    const { port } = await httpsServer((_, response) => {
      const more = (error?: Error | null) => error ?? response.write(Buffer.alloc(65_536), more)
      response.on('close', cut.open)
      more()
    })
    const error = await failure(transportFor()(get(`https://localhost:${port}/`)))
    expect(error).toBeInstanceOf(TokenResponseError)
    await cut.opened
  })

  test('that grows beyond the limit when decompressed is refused', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(50_000_000))
    expect(bomb.length).toBeLessThan(1_048_576)
    const error = await failure(transportFor()(get(await serve(bomb, 'gzip'))))
    expect(error).toBeInstanceOf(TokenResponseError)
    expect(error.message).toMatch(/1048576 bytes/)
  })

  for (const [what, body, encoding] of [
    ['in an unknown encoding', Buffer.from([0x1f, 0x9d, 0x90]), 'compress'],
    ['in an encoding named as a member every object has', Buffer.from([0]), 'constructor'],
    ['in more encodings than any server uses', 'x', 'gzip, gzip, gzip, gzip'],
    ['that is not compressed as it says', '{"access_token":"s3cret"}\0', 'gzip'],
    ['that ends too early', zlib.gzipSync(Buffer.alloc(5000)).subarray(0, 20), 'br, gzip'],
  ] as const)
    test(`${what} is refused`, async () => {
      const error = await failure(transportFor()(get(await serve(Buffer.from(body), encoding))))
      expect(error).toBeInstanceOf(TokenResponseError)
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('s3cret')
    })

  for (const encoding of [
    'utf-8',
    'UTF8',
    'none',
    'identity',
    'aws-chunked',
    'gzip',
    'br',
    'deflate',
    'zstd',
    'binary, gzip',
  ])
    test(`that is plain JSON is read as that, though it says ${encoding}`, async () => {
      const url = await serve(Buffer.from('{"a":"ü"}'), encoding)
      expect(text(await transportFor()(get(url)))).toBe('{"a":"ü"}')
    })

  test('that is compressed otherwise than it says is read, too', async () => {
    for (const encoding of ['utf-8', 'br', 'none, deflate'])
      expect(text(await transportFor()(get(await serve(zlib.gzipSync(Buffer.from('{"a":1}')), encoding))))).toBe(
        '{"a":1}',
      )
  })

  test('that is plain and larger than the limit is refused, whatever it says', async () => {
    const transport = transportFor({ maxResponseBytes: 1000 })
    const error = await failure(transport(get(await serve(Buffer.from(JSON.stringify('a'.repeat(1000))), 'gzip'))))
    expect(error.message).toMatch(/1000 bytes \(maxResponseBytes\)/)
  })

  test('too large from an ailing server may be asked for again', async () => {
    const url = await serve(Buffer.alloc(2000), 'identity', 503)
    expect(await failure(transportFor({ maxResponseBytes: 1000 })(get(url)))).toMatchObject({
      retryable: true,
      serverStatus: 503,
    })
  })
})

describe('no answer', () => {
  test('since nobody listens: never sent', async () => {
    const { port } = await closedPort()
    const error = await failure(transportFor()(post(`https://localhost:${port}/token?code=s3cret`, 'x')))
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', neverSent: true, retryable: true })
    expect(error.message).toBe(`POST https://localhost:${port}/token: no answer (ECONNREFUSED)`)
    expect(
      await failure(transportFor({ connectTo: { host: '127.0.0.1', port } })(get('https://a.example/'))),
    ).toMatchObject({
      code: 'ERR_TRANSPORT',
      neverSent: true,
    })
  })

  test('since the connection was reset after the request: perhaps sent', async () => {
    const server = await httpsServer(request => request.socket.destroy())
    const transport = transportFor()
    const error = await failure(transport(post(`https://localhost:${server.port}/`, 'x')))
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', neverSent: false, retryable: true })
    expect(server.connections).toBe(1)
  })

  test('that can be understood: not HTTP', async () => {
    const { port } = await listen(net.createServer(socket => socket.end('{"access_token":"s3cret"}\r\n\r\n')))
    const error = await failure(transportFor()(get(`http://127.0.0.1:${port}/`)))
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', neverSent: false })
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('s3cret')
  })

  test('since a header cannot be sent: the program is wrong, nothing is repeated', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    const error = await failure(transportFor()(get(`https://localhost:${port}/`, { authorization: 's3cret\r\nx: y' })))
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', neverSent: true, retryable: false })
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('s3cret')
  })

  test('shows no secret of the request in any error', async () => {
    const reset = await httpsServer(request => request.socket.destroy())
    const untrusted = await httpsServer(tellWhatWasSeen, { issued: issue({ name: 'x', altNames: ['localhost'] }) })
    const silent = await silentServer()
    const refusing = await connectProxy(1, 407)
    const ports = [reset.port, untrusted.port, silent.port, (await closedPort()).port]
    const direct = ports.map(port => ({ url: `https://localhost:${port}`, proxy: false as const }))
    const proxied = [refusing.port, silent.port, ports[3]].map(port => ({
      url: 'https://api.example',
      proxy: `http://user:s3cret@localhost:${port}`,
    }))
    for (const { url, proxy } of [...direct, ...proxied]) {
      const transport = transportFor({ proxy, timeoutMs: 150 })
      const headers = { authorization: 'Basic s3cret' }
      const error = await failure(transport({ ...post(`${url}/token?code=s3cret`, 's3cret'), headers }))
      expect(error).toBeInstanceOf(TransportError)
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toMatch(/s3cret|dXNlc/)
      expect(JSON.stringify(error)).not.toContain('s3cret')
    }
  })
})

describe('a proxy whose credentials were changed on the way', () => {
  const decode = 'holds a % that cannot be decoded: write %25 for a %'
  const broken: readonly [string, string][] = [
    ['http://user:100%@localhost:3128', `its password ${decode}`],
    ['http://us%er:s3cret@localhost:3128', `its username ${decode}`],
    ['http://user:s3cret%ff@localhost:3128', `its password ${decode}`],
    ['http://user:s3cret%0A@localhost:3128', 'its password ends with a line break: trim what comes from a file'],
    ['http://user%0D%0A:s3cret@localhost:3128', 'its username ends with a line break: trim what comes from a file'],
    ['http://user:s3cret\n@localhost:3128', 'holds a line break or another control character'],
    [
      'http://user:undefined@localhost:3128',
      'its password is the text "undefined": a variable in a template that is not set?',
    ],
  ]
  test.each(broken)('%j is refused when the transport is made', (proxy, problem) => {
    const made = () => createTransport({ proxy })
    expect(made).toThrow(expect.objectContaining({ name: 'TypeError', option: 'proxy', message: `proxy: ${problem}` }))
    setEnvironment({ HTTPS_PROXY: proxy })
    expect(() => createTransport()).toThrow(expect.objectContaining({ option: 'HTTPS_PROXY' }))
  })

  test('may have a line break after the whole, and a password without a name', async () => {
    expect(() => createTransport({ proxy: 'http://user:s3cret@localhost:3128\n' })).not.toThrow()
    const proxy = await connectProxy(1, 503)
    await failure(transportFor({ proxy: `http://:s3cret@localhost:${proxy.port}` })(get('https://api.example/')))
    const authorization = `Basic ${Buffer.from(':s3cret').toString('base64')}`
    expect(proxy.tunnels).toEqual([{ authority: 'api.example:443', authorization }])
  })
})

describe('a proxy', () => {
  test('opens a tunnel and sees neither content nor client certificate', async () => {
    const issued = issue({ name: 'api', altNames: ['api.example'], issuer: ca })
    const server = await mutualTlsServer(tellWhatWasSeen, issued)
    const proxy = await connectProxy(server.port)
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const transport = transportFor({ proxy: `http://us%65r:p%40ss@localhost:${proxy.port}`, certificate })
    const answers = [
      await transport(post('https://api.example/token', 's3cret')),
      await transport(get('https://api.example/')),
    ]
    expect(answers.map(answer => seen(answer))).toMatchObject([
      { client: 'client', servername: 'api.example', body: 's3cret', headers: { host: 'api.example' } },
      { client: 'client' },
    ])
    const authorization = `Basic ${Buffer.from('user:p@ss').toString('base64')}`
    expect(proxy.tunnels).toEqual([{ authority: 'api.example:443', authorization }])
    expect(Buffer.concat(proxy.bytes).includes('s3cret')).toBe(false)
  })

  test('over TLS is verified under its own name', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    const transport = transportFor({ proxy: `https://localhost:${port}` })
    expect(await failure(transport(get('https://api.example/')))).toMatchObject({
      code: 'ERR_TRANSPORT_TLS',
      neverSent: true,
    })
  })

  test('is asked for the address to connect to, when that is another', async () => {
    const issued = issue({ name: 'api', altNames: ['api.example'], issuer: ca })
    const { port } = await httpsServer(tellWhatWasSeen, { issued })
    const proxy = await connectProxy(port)
    const transport = transportFor({ proxy: `localhost:${proxy.port}`, connectTo: { host: '10.1.2.3', port: 8443 } })
    expect(seen(await transport(get('https://api.example/'))).servername).toBe('api.example')
    expect(proxy.tunnels[0]?.authority).toBe('10.1.2.3:8443')
  })

  test('that refuses the tunnel is an error that says so, without a request', async () => {
    for (const [status, retryable] of [
      [407, false],
      [503, true],
    ] as const) {
      const proxy = await connectProxy(1, status)
      const error = await failure(
        transportFor({ proxy: `http://localhost:${proxy.port}` })(get('https://api.example/')),
      )
      expect(error).toMatchObject({ code: 'ERR_TRANSPORT', neverSent: true, retryable })
      expect(error.message).toBe(`GET https://api.example/: no answer (PROXY_${status})`)
      expect(proxy.tunnels.length).toBe(1)
    }
  })

  test('that drops the connection or the tunnel is an error at once', async () => {
    const drops = await listen(net.createServer(socket => socket.destroy()))
    const tunnelDrops = await connectProxy((await listen(net.createServer(socket => socket.destroy()))).port)
    const tunnelResets = await connectProxy((await listen(net.createServer(socket => socket.resetAndDestroy()))).port)
    for (const { port } of [drops, tunnelDrops, tunnelResets]) {
      const error = await failure(transportFor({ proxy: `http://localhost:${port}` })(get('https://api.example/')))
      expect(error).toMatchObject({ code: 'ERR_TRANSPORT', neverSent: true, retryable: true })
    }
  })

  test('of the environment is used, unless NO_PROXY names the host', async () => {
    const server = await httpsServer(tellWhatWasSeen)
    const proxy = await connectProxy(server.port)
    const url = `https://localhost:${server.port}/`
    const ask = async (environment: Record<string, string>, own?: false) => {
      setEnvironment({ HTTPS_PROXY: `http://localhost:${proxy.port}`, ...environment })
      const before = proxy.tunnels.length
      await createTransport({ ca: ca.cert, caMode: 'replace', ...(own === false && { proxy: own }) })(get(url))
      return proxy.tunnels.length - before
    }
    expect(await ask({})).toBe(1)
    expect(await ask({}, false)).toBe(0)
    expect(await ask({ NO_PROXY: 'localhost' })).toBe(0)
    expect(await ask({ NO_PROXY: `other.example, LOCALHOST:${server.port}` })).toBe(0)
    expect(await ask({ NO_PROXY: 'localhost:1' })).toBe(1)
    expect(await ask({ NO_PROXY: '*' })).toBe(0)
    expect(await ask({ NO_PROXY: 'ocalhost,host' })).toBe(1)
    expect(await ask({ HTTPS_PROXY: '', https_proxy: `http://localhost:${proxy.port}` })).toBe(1)
    expect(await ask({ HTTPS_PROXY: '', HTTP_PROXY: `http://localhost:${proxy.port}` })).toBe(0)
  })

  test('is not used for http to loopback, unless the environment says so', async () => {
    const { port } = await listen(http.createServer((_, response) => response.end('plain')))
    const proxy = await connectProxy(port)
    const url = `http://localhost:${port}/`
    setEnvironment({ HTTPS_PROXY: `http://localhost:${proxy.port}` })
    expect(text(await transportFor({ proxy: `http://localhost:${proxy.port}` })(get(url)))).toBe('plain')
    expect(text(await createTransport()(get(url)))).toBe('plain')
    expect(proxy.tunnels.length).toBe(0)
    setEnvironment({ HTTP_PROXY: `http://localhost:${proxy.port}` })
    expect(text(await createTransport()(get(url)))).toBe('plain')
    expect(proxy.tunnels.length).toBe(1)
  })
})

describe('close', () => {
  test('waits for what is under way, then refuses', async () => {
    const arrived = gate()
    const { opened, open } = gate()
    const server = await httpsServer(async (request, response) => {
      arrived.open()
      await opened
      tellWhatWasSeen(request, response)
    })
    const transport = createTransport({ ca: ca.cert, proxy: false })
    const url = `https://localhost:${server.port}/`
    const answer = transport(get(url))
    await arrived.opened
    const order: string[] = []
    const closing = transport.close().then(() => order.push('closed'))
    const refused = await failure(transport(get(url)))
    expect(refused).toMatchObject({ code: 'ERR_TRANSPORT_CLOSED', neverSent: true, retryable: false })
    open()
    await Promise.all([answer.then(() => order.push('answered')), closing])
    expect(order).toEqual(['answered', 'closed'])
    await transport.close()
  })

  test('of a transport never used is nothing to wait for', async () => {
    await createTransport().close()
  })
})

describe('createTransport', () => {
  const refused: [object, string][] = [
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ timeoutMs: '5' }, 'timeoutMs'],
    [{ maxResponseBytes: -1 }, 'maxResponseBytes'],
    [{ keepAliveMs: 0 }, 'keepAliveMs'],
    [{ proxy: 'socks5://user:s3cret@localhost' }, 'proxy'],
    [{ proxy: 'http://' }, 'proxy'],
    [{ proxy: '' }, 'proxy'],
    [{ ca: 'nothing' }, 'ca'],
    [{ rejectUnauthorized: false }, 'rejectUnauthorized'],
  ]
  for (const [options, option] of refused)
    test(`refuses ${inspect(options).replace('s3cret', '…')}`, () => {
      const error = refusal(() => createTransport(options))
      expect(error.option).toBe(option)
      expect(error.message).not.toContain('s3cret')
    })

  test('refuses a proxy of the environment that is no URL, naming the variable', () => {
    setEnvironment({ HTTPS_PROXY: 'ftp://user:s3cret@localhost' })
    const error = refusal(() => createTransport())
    expect(error.option).toBe('HTTPS_PROXY')
    expect(error.message).not.toContain('s3cret')
  })

  test('has an identity that tells names, addresses and CAs apart, and stays when the certificate does not', () => {
    const certificate = clientCertificate({ cert: client.cert, key: client.key })
    const transports = [{}, { ca: other.cert }, { servername: 'a' }, { connectTo: { host: 'a' } }].map(createTransport)
    expect(new Set(transports.map(transport => transport.identity)).size).toBe(4)
    expect(createTransport({ timeoutMs: 5, certificate }).identity).toBe(transports[0]?.identity)
  })

  test('takes the longest deadline a number can name', async () => {
    const { port } = await httpsServer(tellWhatWasSeen)
    const transport = transportFor({ timeoutMs: Number.MAX_SAFE_INTEGER })
    expect((await transport(get(`https://localhost:${port}/`))).status).toBe(200)
  })
})

function mutualTlsServer(handler: http.RequestListener = tellWhatWasSeen, issued = localhost) {
  return httpsServer(handler, { requestCert: true, rejectUnauthorized: true, ca: ca.cert, issued })
}

/** A way to a server of this machine, whose connections of the moment can fall silent without being closed. */
async function relayTo(to: number) {
  const sockets: net.Socket[] = []
  const { port } = await listen(
    net.createServer(near => {
      const far = net.connect(to, '127.0.0.1')
      sockets.push(near, far)
      for (const socket of [near, far]) socket.on('error', () => {})
      near.pipe(far).pipe(near)
    }),
  )
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  return {
    port,
    silence() {
      for (const socket of sockets) socket.unpipe().pause()
    },
  }
}

/** Accepts connections and never says anything. */
function silentServer() {
  return listen(net.createServer(() => {}))
}

async function plainServer(handler: http.RequestListener): Promise<string> {
  return `http://127.0.0.1:${(await listen(http.createServer(handler))).port}/`
}

async function closedPort(): Promise<{ port: number }> {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise(resolve => server.close(resolve))
  return { port }
}

async function serve(body: Buffer, encoding = 'identity', status = 200): Promise<string> {
  const { port } = await httpsServer((_, response) => {
    response.writeHead(status, { 'content-encoding': encoding }).end(body)
  })
  return `https://localhost:${port}/`
}

/** The environment without any proxy but the given; as it was when the test ends. */
function setEnvironment(variables: Record<string, string>): void {
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'https_proxy', 'http_proxy', 'no_proxy']
  const before = { ...process.env }
  onTestFinished(() => {
    process.env = before
  })
  const others = Object.entries(before).filter(([name]) => !names.includes(name))
  process.env = { ...Object.fromEntries(others), ...variables }
}
