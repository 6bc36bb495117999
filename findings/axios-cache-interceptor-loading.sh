#!/usr/bin/env bash
# axios-cache-interceptor 1.12.3 with axios 1.x: after one answer that is not kept, requests at once are never shared again.
#
# Expected: requests for one URL at the same moment share one answer, as they do before anything was answered; that one
#   answer said `no-store` is no reason to ask ten times for the next.
# Seen: an answer that is not kept (`no-store`, or refused by `cachePredicate`) leaves its entry in the state `loading`
#   with nothing under way. From then on each request for that URL goes out by itself: ten at once are ten, where they
#   were one before. It lasts until one of their answers is kept.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund axios@1.21.1 axios-cache-interceptor@1.12.3

cat >run.js <<'JS'
import { once } from 'node:events'
import { createServer } from 'node:http'
import axios from 'axios'
import { setupCache } from 'axios-cache-interceptor'

let says = 'max-age=60'
let received = 0
const server = createServer((_, response) => {
  received++
  setTimeout(() => response.writeHead(200, { 'cache-control': says }).end('{}'), 50)
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${server.address().port}`

async function tenAtOnce(instance, path) {
  received = 0
  await Promise.all(Array.from({ length: 10 }, () => instance.get(url + path)))
  return received
}

const instance = setupCache(axios.create())
console.log(`ten at once, nothing answered before: ${await tenAtOnce(instance, '/a')} request(s)`)
says = 'no-store'
const { id } = await instance.get(`${url}/b`)
console.log(`after an answer with no-store the entry is: ${(await instance.storage.get(id)).state}`)
says = 'max-age=60'
console.log(`ten at once after that, of an answer that may be kept: ${await tenAtOnce(instance, '/b')} request(s)`)
server.closeAllConnections()
server.close()
JS

node run.js >seen
cat seen
cat >expected <<'TEXT'
ten at once, nothing answered before: 1 request(s)
after an answer with no-store the entry is: loading
ten at once after that, of an answer that may be kept: 10 request(s)
TEXT
diff expected seen
