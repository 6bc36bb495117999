/** What is public, as `docs/api/` has it: a change of it is seen in review, and each name says what it is. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

test('docs/api/ is what the build exports (npm run api writes it), and all of it has a docstring and a name', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['scripts/api.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(stdout + stderr).toBe('')
})
