/** `npm run servers`: authorization servers that others wrote, at their pinned versions. Names of packages choose among them. */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { prepare, run } from './prepare.mjs'

const theirs = fileURLToPath(new URL('../apps/servers/theirs/', import.meta.url))

await prepare('@grantkit/servers')
if (!isInstalled()) install()
await run('apps/servers/dist/index.js', ...process.argv.slice(2))

/** npm writes its own lock file last. */
function isInstalled() {
  const changedAt = file => statSync(theirs + file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return changedAt('node_modules/.package-lock.json') >= changedAt('package-lock.json')
}

function install() {
  const npm = 'npm ci --no-audit --no-fund --no-update-notifier --loglevel=error'
  const { status } = spawnSync(npm, { cwd: theirs, shell: true, stdio: ['ignore', 2, 2] })
  if (status !== 0) process.exit(status ?? 1)
}
