/** A test file whose process no longer answers: what becomes of the run. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

test('is begun once more, and fails when it is silent again', async context => {
  await mkdir(`${root}.tmp`, { recursive: true })
  const folder = await mkdtemp(`${root}.tmp/watched-`)
  context.onTestFinished(() => rm(folder, { recursive: true }))
  const config = `import { watchedForks } from '${root}scripts/watched-forks.mjs'
    export default { test: { pool: watchedForks(20_000), maxWorkers: 2 } }`
  const loop = 'for (;;) Math.random()'
  const files = {
    'vitest.config.mjs': config,
    'once.test.mjs': `import { existsSync, writeFileSync } from 'node:fs'
      import { test } from 'vitest'
      test('loops', () => { if (existsSync('seen')) return; writeFileSync('seen', ''); ${loop} })`,
    'always.test.mjs': `import { test } from 'vitest'
      test('loops', () => { ${loop} })`,
  }
  for (const [name, content] of Object.entries(files)) await writeFile(`${folder}/${name}`, content)

  const vitest = spawn(process.execPath, [`${root}node_modules/vitest/vitest.mjs`, 'run', '--reporter=json'], {
    cwd: folder,
    env: { PATH: process.env.PATH },
  })
  const ended = once(vitest, 'close')
  const [said, report, [code]] = await Promise.all([text(vitest.stderr), text(vitest.stdout), ended])

  expect(said).toMatch(/once\.test\.mjs: no word from its process for 20 s.*; begun once more/)
  expect(said).toMatch(/always\.test\.mjs: no word from its process for 20 s.*; for the second time: failed/)
  expect(said).not.toMatch(/once\.test\.mjs: .*second time/)
  expect(JSON.parse(report)).toMatchObject({ numPassedTests: 1 })
  expect(code).toBe(1)
})
