/** The body of a request, as it is handed on: read before, where it is small, so that it can be sent again; else streamed. */
import { finished, PassThrough, type Readable } from 'node:stream'
import type { ProxiedRequest } from './proxied-request.js'
import { ProxyError } from './proxy-error.js'

/** What is sent, and the headers that say what it is. */
export interface BodyOnward {
  readonly body: Uint8Array | Readable | undefined
  readonly headers: Readonly<Record<string, string>>
  /** What of the browser's headers is no longer true. */
  readonly dropped?: readonly string[] | undefined
}

/**
 * @param maxReplayBytes up to how many bytes a body is read before it is sent
 * @throws ProxyError `ERR_PROXY_BODY` where a body parser has read it
 */
export async function bodyOnward(request: ProxiedRequest, maxReplayBytes: number): Promise<BodyOnward> {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers
  if (coding === undefined && Number(length ?? 0) === 0) return { body: undefined, headers: {} }
  if (request.readableDidRead) return parsedBefore(request)
  if (length === undefined || Number(length) > maxReplayBytes)
    return { body: streamed(request), headers: length === undefined ? {} : { 'content-length': length } }
  const chunks: Uint8Array[] = []
  for await (const chunk of request.iterator({ destroyOnReturn: false })) chunks.push(chunk)
  return ofBytes(Buffer.concat(chunks))
}

/** A stream of its own: who ends that, when enough was sent, leaves the browser's connection open for the answer. */
function streamed(request: ProxiedRequest): Readable {
  const body = request.pipe(new PassThrough())
  finished(request, error => void (error && body.destroy(error)))
  return body.on('error', () => {})
}

/** What nobody reads any more is let by, for the next request of the connection. */
export function letBy(request: ProxiedRequest): void {
  request.unpipe()
  request.resume()
}

/**
 * The very bytes, where a parser has kept them. What `express.json()` makes of a body is not sent: numbers may have lost
 * digits, and a signature over the body would no longer hold.
 */
function parsedBefore({ rawBody, body }: ProxiedRequest): BodyOnward {
  const bytes = rawBody instanceof Uint8Array ? rawBody : body
  // parsers decompress
  if (bytes instanceof Uint8Array) return { ...ofBytes(bytes), dropped: ['content-encoding'] }
  throw new ProxyError(
    'ERR_PROXY_BODY',
    'the body has been read already: mount the proxy before express.json(), express.urlencoded() and other body parsers',
  )
}

function ofBytes(body: Uint8Array): BodyOnward {
  return { body, headers: { 'content-length': String(body.byteLength) } }
}
