/**
 * `npm run release`: the next release, tried in a clone of the last commit and thrown away: versions, changelogs, build,
 * tarballs held against publint and attw, and what npm would publish. Nothing leaves the machine.
 *
 * `npm run release -- --publish`: publishes the versions that are there and not published yet, with provenance. For the
 * workflow `release.yml`, which has the right to; no token of npm's is kept anywhere.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack, publicPackages } from './pack.mjs'
import { giveUp, root, say } from './repository.mjs'

const [wish] = process.argv.slice(2)
if (wish === '--publish') publish()
else if (wish === '--tarballs') tryToPublish()
else rehearse()

function rehearse() {
  const clone = mkdtempSync(join(tmpdir(), 'grantkit-release-'))
  process.on('exit', () => rmSync(clone, { recursive: true, force: true }))
  const run = (command, ...args) => execFileSync(command, args, { cwd: clone, stdio: 'inherit' })
  run('git', 'clone', '--quiet', root, '.')
  run('npm', 'ci', '--silent')
  run('npm', 'run', '--silent', 'next-versions')
  run('npm', 'run', '--silent', 'build')
  run(process.execPath, 'scripts/check-packages.mjs')
  run(process.execPath, 'scripts/release.mjs', '--tarballs')
  for (const problem of obstacles()) say(`Before it can be published: ${problem}.`)
}

/** In the clone: what npm says it would do with each tarball. */
function tryToPublish() {
  const folder = mkdtempSync(join(tmpdir(), 'grantkit-pack-'))
  process.on('exit', () => rmSync(folder, { recursive: true }))
  for (const { manifest, tarball, files } of pack(folder)) {
    const options = ['--dry-run', '--access=public', '--tag=latest', '--loglevel=error']
    execFileSync('npm', ['publish', tarball, ...options], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    console.log(`${manifest.name}@${manifest.version}: ${files.length} files`)
  }
}

function publish() {
  const problems = obstacles()
  if (process.env.CI === undefined) problems.unshift('this is for CI; `npm run release` alone tries it')
  if (problems.length > 0) giveUp(1, problems.join('\n'))
  const env = { ...process.env, NPM_CONFIG_PROVENANCE: 'true' }
  execFileSync(process.execPath, ['node_modules/@changesets/cli/bin.js', 'publish'], {
    cwd: root,
    stdio: 'inherit',
    env,
  })
}

/** What npm would refuse a provenance statement for: it compares where a package says it comes from. */
function obstacles() {
  const silent = publicPackages().filter(({ manifest }) => manifest.repository === undefined)
  if (silent.length === 0) return []
  return [`\`repository\` is not in the package.json of ${silent.map(({ folder }) => folder).join(', ')}`]
}
