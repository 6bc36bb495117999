#!/usr/bin/env bash
# undici 7.30.2: among callers who share an answer by `interceptors.deduplicate()`, the first one's abort is everybody's.
#
# Expected: `signal` ends the request it was given to. Three callers ask for the same URL at once, each with a signal of
#   its own; one aborts, the other two get the answer that the server is about to give.
# Seen: if it is the first caller who aborts, the other two are rejected with the first one's reason, though they never
#   aborted. If it is the last, they get the answer. Nobody can know which caller is the first.
# Output: see `expected` below. Exits with 1 when that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund undici@7.30.2

cat >run.js <<'JS'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Agent, interceptors, request } from 'undici'

for (const aborting of [0, 2]) {
  const answers = []
  const server = createServer((_, response) => answers.push(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new Agent()
  const dispatcher = agent.compose(interceptors.deduplicate())
  const controllers = [0, 1, 2].map(() => new AbortController())
  const arrived = once(server, 'request')
  const outcomes = controllers.map(({ signal }) =>
    request(`http://127.0.0.1:${server.address().port}/`, { dispatcher, signal }).then(
      ({ body }) => body.text(),
      error => `rejected: ${error.message}`,
    ),
  )
  await arrived
  controllers[aborting].abort(new Error(`caller ${aborting + 1} has left`))
  for (const answer of answers) answer.end('the answer')
  const others = await Promise.all(outcomes.filter((_, index) => index !== aborting))
  console.log(`caller ${aborting + 1} aborts; the others: ${others.join(' | ')}`)
  await agent.destroy()
  server.closeAllConnections()
  server.close()
}
process.exit(0)
JS

node run.js >seen
cat seen
cat >expected <<'TEXT'
caller 1 aborts; the others: rejected: caller 1 has left | rejected: caller 1 has left
caller 3 aborts; the others: the answer | the answer
TEXT
diff expected seen
