/** A process with vitest in it, which runs one test file at a time, for the mutant it is told. */
import { createVitest } from 'vitest/node'

const conditions = ['@grantkit/source', 'module', 'node']
const { prepared, include, exclude } = await new Promise(resolve => process.once('message', resolve))
const texts = new Map(prepared)

const prepare = {
  name: 'mutants',
  enforce: 'pre',
  transform: (_, id) => (texts.has(id) ? { code: texts.get(id), map: null } : undefined),
}
const options = {
  config: false,
  watch: false,
  include,
  exclude,
  pool: 'threads',
  maxWorkers: 1,
  runner: new URL('./runner.mjs', import.meta.url).pathname,
  reporters: [{}],
  hookTimeout: 120_000,
  testTimeout: 120_000,
  teardownTimeout: 1_000,
  expect: { poll: { timeout: 5_000 } },
}
const vite = { resolve: { conditions }, ssr: { resolve: { conditions } }, plugins: [prepare] }
const vitest = await createVitest('test', options, vite)
const specifications = new Map((await vitest.globTestSpecifications()).map(one => [one.moduleId, one]))

process.on('message', async ({ file, order }) => {
  vitest.provide('order', order)
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications([specifications.get(file)])
  const [failed] = testModules.flatMap(one => [...one.children.allTests('failed')])
  const error = failed?.result().errors?.[0] ?? unhandledErrors[0] ?? testModules[0]?.errors()[0]
  const isOk = unhandledErrors.length === 0 && testModules.every(one => one.ok())
  process.send({ isOk, error: isOk ? undefined : String(error?.message).slice(0, 200) })
})
process.on('disconnect', () => process.exit())
process.send({ files: [...specifications.keys()] })
