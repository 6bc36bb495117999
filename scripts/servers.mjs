/** `npm run servers`: authorization servers that others wrote, at their pinned versions. Names of packages choose among them. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { prepare, run } from './prepare.mjs'

await prepare('@grantkit/servers')
const theirs = fileURLToPath(new URL('../apps/servers/theirs', import.meta.url))
const { status } = spawnSync('npm ci --no-audit --no-fund --no-update-notifier --loglevel=error', {
  cwd: theirs,
  shell: true,
  stdio: ['ignore', 2, 2],
})
if (status !== 0) process.exit(status ?? 1)
await run('apps/servers/dist/index.js', ...process.argv.slice(2))
