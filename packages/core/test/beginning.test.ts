import { Readable } from 'node:stream'
import zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { beginningOf, discard, peek } from '../src/kit.js'

const text = '{"error":"invalid_token"}'

describe('a body that is no stream', () => {
  const bodies: [name: string, body: unknown][] = [
    ['a text', text],
    ['bytes', Buffer.from(text)],
    ['a view of a part', new Uint8Array(Buffer.from(`..${text}..`)).subarray(2, 2 + text.length)],
    ['an ArrayBuffer', new TextEncoder().encode(text).buffer],
    ['a Blob', new Blob([text])],
    ['what was parsed already', JSON.parse(text)],
  ]

  test.each(bodies)('%s is read as text and stays as it is', async (_, body) => {
    const { text: read, whole } = await beginningOf(body)
    expect(read).toBe(text)
    expect(whole).toBe(body)
  })

  test.each([undefined, null, () => {}])('%s is empty', async body => {
    expect(await beginningOf(body)).toEqual({ text: '', whole: body })
  })

  test.each([
    ['text', 'x'.repeat(70_000)],
    ['bytes', Buffer.alloc(70_000, 'x')],
    ['a Blob', new Blob(['x'.repeat(70_000)])],
    ['what was parsed', { x: 'x'.repeat(70_000) }],
  ])('of %s 64 KiB are read', async (_, body) => {
    expect((await beginningOf(body)).text).toHaveLength(65_536)
  })
})

describe('a stream', () => {
  const parts = () => ['x'.repeat(40_000), 'y'.repeat(40_000), 'z'.repeat(40_000)].map(part => Buffer.from(part))
  const all = Buffer.concat(parts()).toString()

  test('of Node is handed on as one of Node, from its beginning', async () => {
    const { text: read, whole } = await beginningOf(Readable.from(parts(), { objectMode: false }))
    expect(read).toBe(all.slice(0, 65_536))
    expect(whole).toBeInstanceOf(Readable)
    expect(await gathered(whole)).toBe(all)
  })

  test('of the web is handed on as one of the web, from its beginning', async () => {
    const { text: read, whole } = await beginningOf(new Blob(parts()).stream())
    expect(read).toBe(all.slice(0, 65_536))
    expect(whole).toBeInstanceOf(ReadableStream)
    expect(await gathered(whole)).toBe(all)
  })

  test('of texts is read too', async () => {
    const { text: read, whole } = await beginningOf(Readable.from([text], { encoding: 'utf8' }))
    expect(read).toBe(text)
    expect(await gathered(whole)).toBe(text)
  })

  test('is read no further than it has to be', async () => {
    let taken = 0
    const endless = (async function* () {
      for (;;) {
        taken++
        yield Buffer.alloc(30_000)
      }
    })()
    await peek(endless, 65_536)
    expect(taken).toBe(3)
  })

  test('that ends early is told to be all', async () => {
    const { beginning, isAll } = await peek(Readable.from([Buffer.from(text)]), 65_536)
    expect([beginning.toString(), isAll]).toEqual([text, true])
  })

  test('that breaks off is read as far as it came, and breaks off again for who reads the whole', async () => {
    const broken = async function* () {
      yield Buffer.from(text)
      throw new Error('broke off')
    }
    const { text: read, whole } = await beginningOf(Readable.from(broken(), { objectMode: false }))
    expect(read).toBe(text)
    const chunks = (whole as Readable)[Symbol.asyncIterator]()
    expect(String((await chunks.next()).value)).toBe(text)
    await expect(chunks.next()).rejects.toThrow('broke off')
  })

  test('is let go when whoever reads the whole stops', async () => {
    const stream = Readable.from(parts(), { objectMode: false })
    const { whole } = await peek(stream, 1)
    await whole.return?.()
    expect(stream.destroyed).toBe(true)
  })
})

describe('a compressed body', () => {
  const long = Buffer.from(text + Array.from({ length: 15_000 }, (_, index) => index).join())
  const encodings: [encoding: string, compressed: Buffer][] = [
    ['gzip', zlib.gzipSync(long)],
    ['x-gzip', zlib.gzipSync(long)],
    ['deflate', zlib.deflateSync(long)],
    ['deflate without its header', zlib.deflateRawSync(long)],
    ['br', zlib.brotliCompressSync(long)],
  ]

  test.each(encodings)('in %s is understood, also where it is cut off', async (encoding, compressed) => {
    const header = encoding.split(' ')[0]
    expect((await beginningOf(compressed, header)).text).toBe(long.subarray(0, 65_536).toString())
    const cutOff = compressed.subarray(0, compressed.length - 10)
    expect((await beginningOf(cutOff, header)).text).toContain('invalid_token')
  })

  test.skipIf(!('zstdCompressSync' in zlib))('in zstd is understood where Node can', async () => {
    const { zstdCompressSync } = zlib as unknown as { zstdCompressSync: (data: Buffer) => Buffer }
    expect((await beginningOf(zstdCompressSync(long), 'zstd')).text).toBe(long.subarray(0, 65_536).toString())
  })

  test('twice is understood', async () => {
    const twice = zlib.brotliCompressSync(zlib.gzipSync(Buffer.from(text)))
    expect((await beginningOf(twice, 'gzip, br')).text).toBe(text)
  })

  test.each(['gzip', 'br', 'deflate', 'zstd', 'aws-chunked', ''])('that says %s and is text is text', async header => {
    expect((await beginningOf(Buffer.from(text), header)).text).toBe(text)
  })

  test('that is damaged is taken as it is', async () => {
    const damaged = Buffer.from([0x1f, 0x8b, 1, 2, 3])
    expect((await beginningOf(damaged, 'gzip')).text).toBe(damaged.toString())
  })

  test('that would grow beyond 1 MiB is not opened', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(2_000_000, 'x'))
    expect((await beginningOf(bomb, 'gzip')).text).toBe(bomb.toString())
  })
})

async function gathered(stream: unknown): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

describe('discard', () => {
  test('lets go of a stream of Node’s', () => {
    const stream = Readable.from(['text'])
    discard(stream)
    expect(stream.destroyed).toBe(true)
  })

  test('lets go of one of the web’s, though somebody reads it', async () => {
    const canceled = new Promise<void>(resolve => discard(new ReadableStream({ cancel: () => resolve() })))
    await canceled
    const read = new Response('text').body as ReadableStream
    read.getReader()
    expect(() => discard(read)).not.toThrow()
  })

  test.each([undefined, null, text, Buffer.from(text), {}])('leaves %s alone', body => {
    expect(() => discard(body)).not.toThrow()
  })
})
