/** Shows the rows of `npm -s start -- --once --json`, read from standard input; fails unless there are some, all ok. */
import { text } from 'node:stream/consumers'

const lines = (await text(process.stdin)).split('\n').filter(line => line !== '')
const failed = lines.filter(line => JSON.parse(line).ok !== true)
for (const line of lines) console.log(line)
console.log(`${lines.length} rows, ${failed.length} of them not ok`)
if (lines.length === 0 || failed.length > 0) process.exitCode = 1
