/** One command to a Redis server over a socket of its own (RESP2), for what a test has to say to a server itself. */
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'

/** What a server answers. An error is thrown, wherever in an answer it stands. */
export type RedisReply = string | number | null | readonly RedisReply[]

/**
 * Sends one command and returns its answer.
 *
 * @throws Error with the server's words, or because nobody listens there or answers within `timeoutMs`
 */
export async function redisCommand(port: number, command: readonly string[], timeoutMs = 10_000): Promise<RedisReply> {
  const socket = createConnection({ host: '127.0.0.1', port })
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`No answer to ${command[0]} within ${timeoutMs} ms`)))
  try {
    await once(socket, 'connect')
    const words = command.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    socket.write(`*${command.length}\r\n${words.join('')}`)
    return await readReply(socket)
  } finally {
    socket.destroy()
  }
}

async function readReply(socket: Socket): Promise<RedisReply> {
  let received = Buffer.alloc(0)
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer])
    const parsed = parseReply(received, 0)
    if (parsed !== undefined) return parsed.reply
  }
  throw new Error('The connection was closed before the answer')
}

interface Parsed {
  readonly reply: RedisReply
  readonly end: number
}

/** The reply that begins at `start`, unless it is not all there yet. */
function parseReply(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd < 0) return undefined
  const text = bytes.toString('utf8', start + 1, lineEnd)
  const end = lineEnd + 2
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return { reply: text, end }
    case ':':
      return { reply: Number(text), end }
    case '$':
      return parseText(bytes, end, Number(text))
    case '*':
      return parseList(bytes, end, Number(text))
    default:
      throw new Error(text)
  }
}

function parseText(bytes: Buffer, start: number, length: number): Parsed | undefined {
  if (length < 0) return { reply: null, end: start }
  const end = start + length
  return bytes.length < end + 2 ? undefined : { reply: bytes.toString('utf8', start, end), end: end + 2 }
}

function parseList(bytes: Buffer, start: number, length: number): Parsed | undefined {
  if (length < 0) return { reply: null, end: start }
  const replies: RedisReply[] = []
  let end = start
  for (let index = 0; index < length; index++) {
    const parsed = parseReply(bytes, end)
    if (parsed === undefined) return undefined
    replies.push(parsed.reply)
    end = parsed.end
  }
  return { reply: replies, end }
}
