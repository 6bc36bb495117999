/** `npm run stress`: many processes, real servers, crashes. Arguments go to apps/stress. */
import { prepare, run } from './prepare.mjs'

await prepare('@grantkit/stress')
await run('apps/stress/dist/index.js', ...process.argv.slice(2))
