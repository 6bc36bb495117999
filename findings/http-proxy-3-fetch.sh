#!/usr/bin/env bash
# http-proxy-3 1.23.3 with its `fetch` option: of several cookies the last one is left, and an upload of unknown length is refused.
#
# Expected: the option changes by what a request is forwarded, not what arrives: each Set-Cookie of an answer goes on (they
#   cannot be combined, RFC 9110 §5.3), and a chunked request is sent on, chunked or not (RFC 9112 §6.1, §7.1).
# Seen: with node:http, the default, both hold. With `fetch` each Set-Cookie replaces the one before it, so that of three
#   cookies the third arrives; and a request with `Transfer-Encoding: chunked` is an error, since that header is handed to
#   fetch, which sets it itself and takes none. With Content-Length the same body arrives.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund http-proxy-3@1.23.3

cat >run.js <<'JS'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { createProxyServer } from 'http-proxy-3'

async function listen(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server.address().port
}

const upstream = createServer(async (received, response) => {
  let bytes = 0
  for await (const chunk of received) bytes += chunk.length
  response.setHeader('set-cookie', ['first=1', 'second=2', 'third=3'])
  response.end(`${bytes} bytes`)
})
const target = `http://127.0.0.1:${await listen(upstream)}`

async function post(options, headers) {
  const proxy = createProxyServer({ target, ...options })
  proxy.on('error', (error, _, response) => response.writeHead(502).end(error.cause?.message ?? error.message))
  const server = createServer((received, response) => proxy.web(received, response))
  const sent = request({ host: '127.0.0.1', port: await listen(server), method: 'POST', headers, agent: false })
  sent.write('hello')
  sent.end()
  const [answer] = await once(sent, 'response')
  let text = ''
  for await (const chunk of answer) text += chunk
  server.close()
  return `${answer.statusCode}, ${text}, cookies: ${answer.headers['set-cookie']?.join(' ') ?? 'none'}`
}

for (const [name, options] of Object.entries({ 'node:http': {}, fetch: { fetch } })) {
  console.log(`${name}, Content-Length: ${await post(options, { 'content-length': '5' })}`)
  console.log(`${name}, chunked: ${await post(options, {})}`)
}
process.exit()
JS

node run.js >seen
cat seen
cat >expected <<'TEXT'
node:http, Content-Length: 200, 5 bytes, cookies: first=1 second=2 third=3
node:http, chunked: 200, 5 bytes, cookies: first=1 second=2 third=3
fetch, Content-Length: 200, 5 bytes, cookies: third=3
fetch, chunked: 502, invalid transfer-encoding header, cookies: none
TEXT
diff expected seen
