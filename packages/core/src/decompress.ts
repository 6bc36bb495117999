/** Undoes `Content-Encoding` within a size limit (RFC 9110 §8.4). */
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { TokenResponseError } from './errors.js'

/** What an answer may not exceed, and the status the complaint about it carries. */
export interface AnswerLimits {
  readonly status: number
  readonly maxBytes: number
}

/**
 * Undoes the encodings of a body, the last one first.
 *
 * @throws {TokenResponseError} for more than the limit, an encoding Node does not know, or damaged content
 */
export async function decompress(body: Buffer, contentEncoding: string | null, limits: AnswerLimits): Promise<Buffer> {
  const names = (contentEncoding ?? '').toLowerCase().split(/[\s,]+/)
  const encodings = names.filter(name => name !== '' && name !== 'identity').reverse()
  if (encodings.length > 3) throw unreadable('expected at most three content encodings', limits)
  let decoded = body
  for (const encoding of body.length === 0 ? [] : encodings) decoded = await decodeOne(decoded, encoding, limits)
  return decoded
}

/** The error for an answer above the limit. */
export function tooLarge(limits: AnswerLimits): TokenResponseError {
  return unreadable(`expected an answer of at most ${limits.maxBytes} bytes (maxResponseBytes)`, limits)
}

async function decodeOne(body: Buffer, encoding: string, limits: AnswerLimits): Promise<Buffer> {
  const decoder = decoderOf(encoding, body)
  if (decoder === undefined) throw unreadable('expected a content encoding this version of Node knows', limits)
  return promisify<Buffer, zlib.ZlibOptions, Buffer>(decoder)(body, { maxOutputLength: limits.maxBytes }).catch(
    error => {
      if (error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limits)
      throw unreadable(`expected content compressed with ${encoding}`, limits)
    },
  )
}

function decoderOf(encoding: string, body: Buffer): typeof zlib.gunzip | undefined {
  if (encoding === 'gzip' || encoding === 'x-gzip') return zlib.gunzip
  if (encoding === 'br') return zlib.brotliDecompress
  // Some servers leave out the zlib header, whose low four bits are 8 (RFC 1950 §2.2).
  if (encoding === 'deflate') return ((body[0] ?? 0) & 0x0f) === 8 ? zlib.inflate : zlib.inflateRaw
  // From Node 22.15 on.
  if (encoding === 'zstd') return (zlib as { zstdDecompress?: typeof zlib.gunzip }).zstdDecompress
  return undefined
}

function unreadable(message: string, { status }: AnswerLimits): TokenResponseError {
  return new TokenResponseError(message, { serverStatus: status, retryable: status === 429 || status >= 500 })
}
