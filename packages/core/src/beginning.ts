/** The beginning of a body, read without taking it from whoever reads the whole. */
import { Readable } from 'node:stream'
import { decompressBeginning } from './decompress.js'

/** How much of a body is looked at, in bytes: enough for any answer that names a problem with a token. */
const maxBeginning = 65_536

/** The beginning of a body, and the body. */
export interface Beginning {
  /** The first 64 KiB, decompressed, as text. */
  readonly text: string
  /** The body as if nobody had looked: the same value, and of a stream another one of its kind that begins at the beginning. */
  readonly whole: unknown
}

/**
 * Reads the beginning of an answer's body in whatever form an HTTP client has it: text, bytes, a `Blob`, a stream of
 * Node's or of the web's; anything else counts as its JSON. A stream that breaks off is read as far as it came, and breaks
 * off at the same place for whoever reads the whole.
 *
 * @param contentEncoding the header, where the client may have left the body compressed; what is text already, or cannot
 *   be decompressed, is taken as it is
 */
export async function beginningOf(body: unknown, contentEncoding?: string | null | undefined): Promise<Beginning> {
  if (isNodeStream(body)) return ofStream(body, contentEncoding, whole => Readable.from(whole, { objectMode: false }))
  if (isWebStream(body)) return ofStream(body, contentEncoding, whole => ReadableStream.from(whole))
  return { text: await textOf(body, contentEncoding), whole: body }
}

/** A body in pieces. */
export type Chunks = AsyncIterable<string | Uint8Array>
type Encoding = string | null | undefined

async function ofStream(stream: Chunks, encoding: Encoding, restore: (whole: Chunks) => unknown): Promise<Beginning> {
  const { beginning, whole } = await peek(stream, maxBeginning)
  return { text: await textOf(beginning, encoding), whole: restore(whole) }
}

async function textOf(body: unknown, encoding: Encoding): Promise<string> {
  if (typeof body === 'string') return body.slice(0, maxBeginning)
  if (body instanceof Blob) return body.slice(0, maxBeginning).text()
  if (body instanceof ArrayBuffer) return textOf(new Uint8Array(body), encoding)
  if (!ArrayBuffer.isView(body))
    return body === undefined || body === null ? '' : (JSON.stringify(body) ?? '').slice(0, maxBeginning)
  const { buffer, byteOffset, byteLength } = body
  const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, Math.min(byteLength, maxBeginning))
  return (await decompressBeginning(bytes, encoding)).toString('utf8', 0, maxBeginning)
}

/** As much of a stream as was asked for, and the stream. */
export interface Peeked {
  /** At least as many bytes as were asked for, or all there are. */
  readonly beginning: Buffer
  /** Whether that is all of it. */
  readonly isAll: boolean
  /** What was read and the rest, as if nobody had looked. */
  readonly whole: AsyncIterableIterator<string | Uint8Array>
}

/**
 * Reads a stream until there are so many bytes, or no more.
 *
 * @param bytes how many; of the last chunk there may be more
 */
export async function peek(stream: Chunks, bytes: number): Promise<Peeked> {
  const chunks = stream[Symbol.asyncIterator]()
  const read: Promise<IteratorResult<string | Uint8Array>>[] = []
  const whole: AsyncIterableIterator<string | Uint8Array> = {
    next: () => read.shift() ?? chunks.next(),
    return: async () => (await chunks.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => whole,
  }
  const beginning: Uint8Array[] = []
  let isAll = false
  try {
    for (let size = 0; size < bytes && !isAll; ) {
      const next = chunks.next()
      read.push(next)
      const { done = false, value } = await next
      isAll = done
      if (done) break
      beginning.push(Buffer.from(value))
      size += value.length
    }
  } catch {
    // it broke off: whoever reads the whole meets the error, at the same place
  }
  return { beginning: Buffer.concat(beginning), isAll, whole }
}

/** Lets go of a body nobody will read, so that its connection is free. What is no stream needs nothing. */
export function discard(body: unknown): void {
  if (isNodeStream(body)) body.destroy()
  else if (isWebStream(body)) body.cancel().catch(() => {})
}

/** Whether a body is a stream of Node's. */
export function isNodeStream(body: unknown): body is Readable {
  return isAsyncIterable(body) && 'pipe' in body
}

/** Whether a body is a stream of the web's. */
export function isWebStream(body: unknown): body is ReadableStream<Uint8Array> {
  return isAsyncIterable(body) && 'getReader' in body
}

function isAsyncIterable(body: unknown): body is object {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}
