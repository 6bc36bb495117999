/** `npm start`: the tour of every system against the local sandbox, installed and built first when need be. */
import { prepare, run } from './prepare.mjs'

await prepare('@grantkit/demo')
await run('apps/demo/dist/index.js', ...process.argv.slice(2))
