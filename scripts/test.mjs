/**
 * `npm test`: the tests of a few minutes, on a build that is up to date. `npm run test:heavy`: the others, which start
 * servers, browsers and many processes. Arguments go to vitest; `npm test -- path` runs what is named, heavy or not.
 */
import { prepare, run } from './prepare.mjs'

const args = process.argv.slice(2)
await prepare()
const reporters = ['--reporter=default', '--reporter=./scripts/test-summary.mjs']
await run('node_modules/vitest/vitest.mjs', 'run', ...reporters, ...(args.length === 0 ? ['--project=quick'] : args))
