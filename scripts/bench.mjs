/** `npm run bench`: what this costs beside what others cost. */
import { prepare, run } from './prepare.mjs'

await prepare('@grantkit/bench')
await run('--expose-gc', 'apps/bench/dist/index.js', ...process.argv.slice(2))
