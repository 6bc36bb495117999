/** Holds every tarball against publint and attw ("are the types wrong?"); says what they say when they find something. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pack } from './pack.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

const checks = [
  ['node_modules/publint/src/cli.js', '--strict'],
  ['node_modules/@arethetypeswrong/cli/dist/index.js', '--profile=strict', '--no-definitely-typed'],
]

const folder = mkdtempSync(join(tmpdir(), 'grantkit-pack-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

for (const { manifest, tarball } of pack(folder)) {
  const complaints = checks
    .map(check => spawnSync(process.execPath, [...check, tarball], { cwd: root, encoding: 'utf8' }))
    .filter(result => result.status !== 0)
    .map(result => result.stdout + result.stderr)
  console.log(`${manifest.name}: ${complaints.length === 0 ? 'ok' : complaints.join('\n')}`)
  if (complaints.length > 0) process.exitCode = 1
}
