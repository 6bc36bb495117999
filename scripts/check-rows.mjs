/** Reads the rows of `npm -s start -- --once --json` from standard input; fails unless there are some and all are ok. */
import { text } from 'node:stream/consumers'

const lines = (await text(process.stdin)).trim().split('\n')
const failed = lines.filter(line => JSON.parse(line).ok !== true)
for (const line of failed) console.error(line)
console.log(`${lines.length - failed.length} rows ok, ${failed.length} failed`)
if (failed.length > 0) process.exitCode = 1
