/** `npm run servers`: every check at every server, one table; names of packages as arguments choose among them. */
import { readdirSync, readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { type Check, checks } from './checks.js'
import { type Scene, setUp } from './scene.js'
import type { ServerFile } from './server.js'
import { type Row, table } from './table.js'

const theirs = new URL('../theirs/', import.meta.url)
const wanted = process.argv.slice(2)
const failures: string[] = []
const rows: Row[] = []

for (const file of readdirSync(theirs).filter(file => file.endsWith('.js'))) {
  const { name, start } = (await import(new URL(file, theirs).href)) as Partial<ServerFile>
  if (name === undefined || start === undefined || (wanted.length > 0 && !wanted.includes(name))) continue
  const server = `${name} ${versionOf(name)}`
  process.stderr.write(`${server} ...\n`)
  for (const check of checks) rows.push({ server, check: check.name, seen: await seen(server, check, start) })
}

console.log(table(rows))
for (const failure of failures) console.log(`\n${failure}`)
console.log(`\n${rows.length} checks, ${failures.length} not as expected.`)
process.exit(failures.length === 0 && rows.length > 0 ? 0 : 1)

/** One check at a server of its own. */
async function seen(name: string, check: Check, start: ServerFile['start']): Promise<string> {
  const server = await start()
  let scene: Scene | undefined
  try {
    scene = await setUp(server)
    if (check.isLeftOut?.(scene)) return 'not served'
    return (await check.run(scene)) ?? 'ok'
  } catch (error) {
    failures.push(`${name}, ${check.name}: ${inspect(error)}`)
    return 'NOT AS EXPECTED'
  } finally {
    await scene?.client.close()
    await server.stop()
  }
}

function versionOf(name: string): string {
  const file = new URL(`node_modules/${name}/package.json`, theirs)
  return JSON.parse(readFileSync(file, 'utf8')).version
}
