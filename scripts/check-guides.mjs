/**
 * Follows docs/add-a-provider.md and docs/add-a-store.md to the letter, as somebody who has just cloned this repository:
 * every block of `sh` in them, one after the other, on a copy of what is here.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './repository.mjs'

const guides = ['docs/add-a-provider.md', 'docs/add-a-store.md']
const clone = mkdtempSync(join(tmpdir(), 'grantkit-guide-'))
process.on('exit', () => rmSync(clone, { recursive: true, force: true }))

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
// one that is deleted here is still in git's index
for (const file of files
  .trim()
  .split('\n')
  .filter(file => existsSync(join(root, file))))
  cpSync(join(root, file), join(clone, file), { force: true })
const commit = 'git add --all && git -c user.name=Guide -c user.email=guide@localhost commit --quiet --message'
follow(`git init --quiet --initial-branch=main && ${commit} 'what is here' && git switch --quiet --create acme`)
follow('npm ci --silent --prefer-offline --no-audit --no-fund')
for (const guide of guides)
  for (const [, commands] of readFileSync(join(root, guide), 'utf8').matchAll(/```sh\n([\s\S]+?)```/g)) follow(commands)

function follow(commands) {
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: clone,
    encoding: 'utf8',
  })
  console.log(`${commands.trim()}: ${status === 0 ? 'ok' : `${stdout}${stderr}`}`)
  if (status !== 0) process.exit(1)
}
