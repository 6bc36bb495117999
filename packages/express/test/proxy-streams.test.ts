/** Bodies go through the proxy as they come, either way, and either side's end is the other's. */
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request as requestOver, type ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { versions } from './app.js'
import { Proxied } from './proxied.js'

/** A promise that is kept from outside. */
function later<Value>() {
  let resolve!: (value: Value) => void
  const promise = new Promise<Value>(keep => {
    resolve = keep
  })
  return { promise, resolve }
}

function open(
  app: Proxied,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): ClientRequest {
  const request = requestOver({
    port: app.port,
    path,
    agent: false,
    ...options,
    headers: { 'x-csrf': '1', ...options.headers },
  })
  request.on('error', () => {})
  return request
}

async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

/** Reads until a text has come. */
async function readUntil(response: IncomingMessage, text: string): Promise<string> {
  let read = ''
  for await (const chunk of response.iterator({ destroyOnReturn: false })) {
    read += chunk
    if (read.includes(text)) break
  }
  return read
}

describe.each(versions)('%s', (_, express) => {
  test('hands on an event when it comes, behind compression too', async () => {
    const begun = later<ServerResponse>()
    await using app = await Proxied.start({
      express,
      api: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
        response.flushHeaders()
        begun.resolve(response)
      },
    })
    const request = open(app, '/api/events', { headers: { 'accept-encoding': 'identity' } })
    request.end()
    const [api, response] = await Promise.all([begun.promise, answerTo(request)])

    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      api.write(event)
      expect(await readUntil(response, event)).toBe(event)
    }
    request.destroy()
  })

  test('has compression send an event before the next one is there', async () => {
    const begun = later<ServerResponse>()
    await using app = await Proxied.start({
      express,
      api: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: 1\n\n')
        begun.resolve(response)
      },
    })
    const request = open(app, '/api/events', { headers: { 'accept-encoding': 'gzip' } })
    request.end()
    const response = await answerTo(request)

    expect(response.headers['content-encoding']).toBe('gzip')
    const chunks: Buffer[] = []
    for await (const chunk of response.iterator({ destroyOnReturn: false }))
      if (chunks.push(chunk) && Buffer.concat(chunks).length > 10) break
    expect(Buffer.concat(chunks).length).toBeGreaterThan(10)
    request.destroy()
  })

  test('ends the call to the API when the browser leaves', async () => {
    const closed = later<boolean>()
    const begun = later<void>()
    await using app = await Proxied.start({
      express,
      api: (_request, response) => {
        response.on('close', () => closed.resolve(response.writableFinished))
        response.write('begun')
        begun.resolve()
      },
    })
    const request = open(app, '/api/')
    request.end()
    await readUntil(await answerTo(request), 'begun')
    request.destroy()

    expect(await closed.promise).toBe(false)
    expect(app.errors).toEqual([])
  })

  test('ends the call to the API when the browser leaves before it answers, or within its own body', async () => {
    for (const method of ['GET', 'POST']) {
      const closed = later<void>()
      const begun = later<void>()
      await using app = await Proxied.start({
        express,
        api: (request, response) => {
          response.on('close', () => closed.resolve())
          if (method === 'GET') begun.resolve()
          else request.once('data', () => begun.resolve())
        },
      })
      const request = open(app, '/api/', { method })
      if (method === 'GET') request.end()
      else request.write('the beginning')
      await begun.promise
      request.destroy()

      await closed.promise
      expect(app.errors).toEqual([])
    }
  })

  test('cuts the answer off where the API cuts it', async () => {
    await using app = await Proxied.start({
      express,
      api: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/octet-stream' })
        response.write('the beginning', () => response.destroy())
      },
    })
    const request = open(app, '/api/')
    request.end()
    const response = await answerTo(request)

    await expect(response.toArray()).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(app.errors).toMatchObject([{ code: 'ERR_PROXY_UPSTREAM' }])
  })

  test('reads no faster than the API takes it, and the whole arrives', async () => {
    const begun = later<IncomingMessage>()
    const size = 64 * 1024 * 1024
    await using app = await Proxied.start({
      express,
      api: (request, response) => {
        request.removeAllListeners('data')
        request.pause()
        begun.resolve(request)
        request.on('end', () => response.end(String(received)))
      },
    })
    let received = 0
    const request = open(app, '/api/', { method: 'PUT', headers: { 'content-length': String(size) } })
    const answer = answerTo(request)
    let written = 0
    const chunk = Buffer.alloc(1024 * 1024)
    // writes until nobody takes any more
    const stalled = later<number>()
    const write = () => {
      while (written < size) {
        written += chunk.length
        if (!request.write(chunk)) return void request.once('drain', write)
      }
      request.end()
    }
    write()
    const api = await begun.promise
    let before = -1
    while (before !== written) {
      before = written
      for (let turns = 0; turns < 2_000; turns++) await new Promise(setImmediate)
    }
    stalled.resolve(written)
    expect(await stalled.promise).toBeLessThan(size)

    api.on('data', (data: Buffer) => {
      received += data.length
    })
    api.resume()
    expect((await (await answer).toArray()).join('')).toBe(String(size))
  })

  test('streams a body that does not say its length', async () => {
    const begun = later<string>()
    await using app = await Proxied.start({
      express,
      api: (request, response) => {
        request.once('data', chunk => begun.resolve(String(chunk)))
        request.on('end', () => response.end())
      },
    })
    const request = open(app, '/api/', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
    request.write('one ')
    expect(await begun.promise).toBe('one ')
    request.end('two')
    await (await answerTo(request)).toArray()

    expect(app.last.body).toBe('one two')
    expect(app.last.headers['transfer-encoding']).toBe('chunked')
  })

  test('says to go on to who waits for it, and hands no Expect on', async () => {
    await using app = await Proxied.start({ express })
    const request = open(app, '/api/', { method: 'POST', headers: { expect: '100-continue', 'content-length': '4' } })
    request.flushHeaders()
    await once(request, 'continue')
    request.end('body')
    const response = await answerTo(request)

    expect(response.statusCode).toBe(200)
    expect(app.last.body).toBe('body')
    expect(app.last.headers).not.toHaveProperty('expect')
  })

  test('answers while the browser still sends what the API does not want, and the connection goes on', async () => {
    await using app = await Proxied.start({
      express,
      api: ({ method }, response) => void response.writeHead(method === 'GET' ? 200 : 413).end('too much'),
    })
    const body = 'x'.repeat(1024 * 1024)

    const both = await app.raw(
      `POST /api/ HTTP/1.1\r\nHost: app\r\nX-CSRF: 1\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
        'GET /api/ HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n',
    )

    expect(both.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200'])
  })

  test('hands on answers without a body as they are', async () => {
    await using app = await Proxied.start({
      express,
      api: ({ url, method }, response) => {
        const status = Number(url?.slice(1))
        response.writeHead(status, status === 200 ? { 'content-length': '12' } : { etag: '"1"' })
        response.end(method === 'HEAD' || status !== 200 ? undefined : 'x'.repeat(12))
      },
    })

    const answers = [
      await app.call('/api/200', { method: 'HEAD' }),
      await app.call('/api/204', { method: 'DELETE' }),
      await app.call('/api/304', { headers: { 'if-none-match': '"1"' } }),
    ]

    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [200, ''],
      [204, ''],
      [304, ''],
    ])
    expect(answers[0]?.headers['content-length']).toBe('12')
    expect(answers[2]?.headers.etag).toBe('"1"')
    expect(app.last.headers['if-none-match']).toBe('"1"')
  })

  test('hands on the trailers of an answer, but none that says where it ends', async () => {
    await using app = await Proxied.start({
      express,
      api: (_request, response) => {
        response.writeHead(200, { trailer: 'x-checksum, set-cookie', 'content-type': 'application/octet-stream' })
        response.write('body')
        response.addTrailers({ 'x-checksum': '7', 'set-cookie': 'session=x' })
        response.end()
      },
    })

    const { text, trailers } = await app.call('/api/')

    expect(text).toBe('body')
    expect(trailers).toEqual({ 'x-checksum': '7' })
  })

  test('answers 502 for an API that is away, and shows nothing of it', async () => {
    await using app = await Proxied.start({ express, target: 'http://127.0.0.1:1/v1' })

    const { status, text } = await app.call('/api/accounts?iban=DE00')

    expect({ status, text }).toEqual({ status: 502, text: '{"error":"ERR_PROXY_UPSTREAM"}' })
    expect(app.errors).toMatchObject([{ code: 'ERR_PROXY_UPSTREAM', message: expect.stringContaining('ECONNREFUSED') }])
    expect(String(app.errors[0])).not.toMatch(/token-1|iban/)
  })

  test('answers 504 for an API that does not answer in time, and takes no more of it', async () => {
    const closed = later<void>()
    await using app = await Proxied.start({
      express,
      answerTimeoutMs: 50,
      api: (_request, response) => void response.on('close', () => closed.resolve()),
    })

    const { status, text } = await app.call('/api/')

    expect({ status, text }).toEqual({ status: 504, text: '{"error":"ERR_PROXY_TIMEOUT"}' })
    await closed.promise
  })

  test('answers 502 for what is no HTTP', async () => {
    await using app = await Proxied.start({
      express,
      api: ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nsecret'),
    })

    const { status, text } = await app.call('/api/')

    expect({ status, text }).toEqual({ status: 502, text: '{"error":"ERR_PROXY_UPSTREAM"}' })
    expect(JSON.stringify(app.errors, Object.getOwnPropertyNames(app.errors[0]))).not.toContain('secret')
  })
})
