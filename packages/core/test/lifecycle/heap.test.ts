/** What is left in the memory of a process: a heap snapshot of it is searched for tokens. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { listen } from '../fixtures/servers.js'

/** A server whose tokens can be told from everything else. */
async function tokenServer() {
  const issued = new Set<string>()
  const issue = () => {
    const token = randomBytes(24).toString('hex')
    issued.add(token)
    return token
  }
  const answer = () =>
    JSON.stringify({ access_token: issue(), refresh_token: issue(), token_type: 'Bearer', expires_in: 3_600 })
  const { port } = await listen(http.createServer((_, response) => response.end(answer())))
  return { issued, url: `http://127.0.0.1:${port}` }
}

/** Runs the program; which of the tokens stand in its heap afterwards, and what each user still costs. */
async function heapAfter(how: string) {
  const { issued, url } = await tokenServer()
  const folder = mkdtempSync(join(tmpdir(), 'grantkit-heap-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const snapshot = join(folder, 'after.heapsnapshot')
  const program = fileURLToPath(new URL('heap-of-a-client.mjs', import.meta.url))
  const core = new URL('../../dist/index.js', import.meta.url).href
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program, core, url, how, snapshot])
  const found = (await hexIn(snapshot)).filter(text => issued.has(text))
  return { issued: issued.size, found: found.length, bytes: Number(stdout) }
}

async function hexIn(path: string): Promise<string[]> {
  const texts: string[] = []
  let rest = ''
  for await (const chunk of createReadStream(path, 'latin1')) {
    const text = rest + chunk
    for (const [match] of text.matchAll(/[\da-f]{48}/g)) texts.push(match)
    rest = text.slice(-47)
  }
  return texts
}

for (const how of ['forgotten', 'forgotten in a store', 'closed'])
  test(`of 300 users ${how} no token is left in memory, and next to nothing else`, async () => {
    const { issued, found, bytes } = await heapAfter(how)
    expect(issued).toBeGreaterThan(1_200)
    expect(found).toBe(0)
    // a few hundred, and what the engine has learnt about the code meanwhile
    expect(bytes).toBeLessThan(2_000)
  })
