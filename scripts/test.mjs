/** `npm test`: every test, on a build that is up to date. Arguments go to vitest. */
import { prepare, run } from './prepare.mjs'

await prepare()
const reporters = ['--reporter=default', '--reporter=./scripts/test-summary.mjs']
await run('node_modules/vitest/vitest.mjs', 'run', ...reporters, ...process.argv.slice(2))
