/** Undoes `Content-Encoding` within a size limit (RFC 9110 §8.4). */
import { isUtf8 } from 'node:buffer'
import type { Transform } from 'node:stream'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { TokenResponseError } from './errors.js'
import { keepReceived, type Received } from './received.js'

/** What an answer may not exceed, and the status the complaint about it carries. */
export interface AnswerLimits {
  readonly status: number
  readonly maxBytes: number
}

/**
 * Undoes the encodings of a body, the last one first. What can be read as it is, whatever the header says of it, is taken
 * as it is: servers and proxies write `utf-8`, `none` or `aws-chunked`, and `gzip` over plain JSON.
 *
 * @throws {TokenResponseError} for more than the limit, an encoding Node does not know, or damaged content
 */
export async function decompress(body: Buffer, contentEncoding: string | null, limits: AnswerLimits): Promise<Buffer> {
  const encodings = encodingsOf(contentEncoding)
  try {
    if (encodings.length > 3) throw unreadable('expected at most three content encodings', limits)
    let decoded = body
    for (const encoding of body.length === 0 ? [] : encodings) decoded = await decodeOne(decoded, encoding, limits)
    return decoded
  } catch (error) {
    throw keepReceived(error, { status: limits.status, body, contentEncoding, isWhole: true })
  }
}

/** The error for an answer above the limit. */
export function tooLarge(limits: AnswerLimits): TokenResponseError {
  return unreadable(`expected an answer of at most ${limits.maxBytes} bytes (maxResponseBytes)`, limits)
}

/** As much as can be decoded of a body that is damaged or was cut off; about 1 MiB at most. */
export async function salvageContent({ body, contentEncoding }: Received): Promise<Uint8Array | string> {
  if (typeof body === 'string') return body
  let decoded: Buffer = Buffer.from(body)
  for (const encoding of encodingsOf(contentEncoding).slice(0, 3))
    if (!isText(decoded)) decoded = await salvageOne(decoded, encoding)
  return isGzip(decoded) ? salvageOne(decoded, 'gzip') : decoded
}

/**
 * The beginning of a body, decompressed as far as it goes; as it is where it is text already or cannot be decompressed,
 * or where it would grow beyond 1 MiB.
 */
export async function decompressBeginning(body: Buffer, contentEncoding: string | null | undefined): Promise<Buffer> {
  let decoded = body
  for (const encoding of encodingsOf(contentEncoding).slice(0, 3)) {
    const decoder = isText(decoded) ? undefined : decoderOf(encoding, decoded)
    if (decoder === undefined) return decoded
    const options = { finishFlush: decoder.flush, maxOutputLength: 1_048_576 }
    decoded = await promisify<Buffer, zlib.ZlibOptions, Buffer>(decoder.decode)(decoded, options).catch(() => decoded)
  }
  return decoded
}

function encodingsOf(contentEncoding: string | null | undefined): string[] {
  const names = (contentEncoding ?? '').toLowerCase().split(/[\s,]+/)
  return names.filter(name => name !== '' && name !== 'identity').reverse()
}

async function decodeOne(body: Buffer, encoding: string, limits: AnswerLimits): Promise<Buffer> {
  const decoder = decoderOf(encoding, body)?.decode
  if (isJson(body) || (decoder === undefined && isText(body))) return body
  if (decoder === undefined) throw unreadable('expected a content encoding this version of Node knows', limits)
  return promisify<Buffer, zlib.ZlibOptions, Buffer>(decoder)(body, { maxOutputLength: limits.maxBytes }).catch(
    error => {
      if (error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limits)
      if (isText(body)) return body
      throw unreadable(`expected content compressed with ${encoding}`, limits)
    },
  )
}

/** Fed bit by bit, so that what comes before the damage is kept. */
async function salvageOne(body: Buffer, encoding: string): Promise<Buffer> {
  const decoder = decoderOf(encoding, body)
  if (decoder === undefined) return body
  const stream = decoder.stream({ flush: decoder.flush })
  const parts: Buffer[] = []
  stream.on('data', part => parts.push(part)).on('error', () => {})
  // a write that fails is not answered, only told by the end of the stream
  const over = new Promise(resolve => stream.once('end', resolve).once('close', resolve))
  const step = Math.ceil(body.length / 4096)
  for (let at = 0; at < body.length && !stream.destroyed && sizeOf(parts) < 1_048_576; at += step)
    await Promise.race([over, new Promise(resolve => stream.write(body.subarray(at, at + step), resolve))])
  stream.destroy()
  return Buffer.concat(parts)
}

function sizeOf(parts: readonly Buffer[]): number {
  return parts.reduce((size, part) => size + part.length, 0)
}

interface Decoder {
  readonly decode: typeof zlib.gunzip
  readonly stream: (options: zlib.ZlibOptions) => Transform
  /** What a decoder is told so that it gives all it has of what was cut off. */
  readonly flush: number
}

function decoderOf(encoding: string, body: Buffer): Decoder | undefined {
  const flush = zlib.constants.Z_SYNC_FLUSH
  if (encoding === 'gzip' || encoding === 'x-gzip' || isGzip(body))
    return { decode: zlib.gunzip, stream: zlib.createGunzip, flush }
  if (encoding === 'br') {
    const { brotliDecompress, createBrotliDecompress, constants } = zlib
    return { decode: brotliDecompress, stream: createBrotliDecompress, flush: constants.BROTLI_OPERATION_FLUSH }
  }
  // Some servers leave out the zlib header, whose low four bits are 8 (RFC 1950 §2.2).
  if (encoding === 'deflate' && ((body[0] ?? 0) & 0x0f) === 8)
    return { decode: zlib.inflate, stream: zlib.createInflate, flush }
  if (encoding === 'deflate') return { decode: zlib.inflateRaw, stream: zlib.createInflateRaw, flush }
  return encoding === 'zstd' ? zstd() : undefined
}

/** From Node 22.15 on. */
function zstd(): Decoder | undefined {
  const { zstdDecompress, createZstdDecompress } = zlib as {
    zstdDecompress?: Decoder['decode']
    createZstdDecompress?: Decoder['stream']
  }
  const { ZSTD_e_flush: flush = 1 } = zlib.constants as { ZSTD_e_flush?: number }
  return zstdDecompress && createZstdDecompress && { decode: zstdDecompress, stream: createZstdDecompress, flush }
}

/** RFC 1952 §2.3.1. */
function isGzip(body: Buffer): boolean {
  return body[0] === 0x1f && body[1] === 0x8b
}

function isText(body: Buffer): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell text from what is compressed
  return isUtf8(body) && !/[\0-\x08\x0b\x0c\x0e-\x1f]/.test(body.toString('latin1'))
}

function isJson(body: Buffer): boolean {
  if (!isText(body)) return false
  try {
    return typeof JSON.parse(body.toString()) === 'object'
  } catch {
    return false
  }
}

function unreadable(message: string, { status }: AnswerLimits): TokenResponseError {
  return new TokenResponseError(message, { serverStatus: status, retryable: status === 429 || status >= 500 })
}
