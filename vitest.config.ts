import { configDefaults, defineConfig } from 'vitest/config'

/** In-process tests run on `src`, through the private condition; what starts a process runs on `dist`. */
const conditions = ['@grantkit/source', 'module', 'node']

/** What takes minutes, or needs servers and a browser: `npm run test:heavy`. */
const heavy = [
  // a browser, and an app that is started for each test
  'apps/demo/test/{app,page}.test.ts',
  // many processes on real servers, killed and cut off
  'apps/stress/test/**/*.test.ts',
  'packages/{postgres,redis}/test/*.test.ts',
  // a process for each instruction at which it may die
  'packages/file-store/test/{crash,processes,schedules}.test.ts',
  // every order of two and three processes, in hundreds of thousands of states
  'packages/core/test/lifecycle/model/model.test.ts',
  // installs, packs and starts this repository
  'test/{packages,start}.test.ts',
]

/** No test is slow because of these: they end one that hangs, and leave room on a machine that is busy otherwise. */
const limits = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  teardownTimeout: 60_000,
  expect: { poll: { timeout: 60_000 } },
}
const patientLimits = { ...limits, testTimeout: 300_000, hookTimeout: 300_000 }

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'quick',
          maxWorkers: '100%',
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...heavy],
          ...limits,
        },
      },
      // one file after the other: each starts processes of its own
      {
        extends: true,
        test: { name: 'heavy', include: heavy, fileParallelism: false, sequence: { groupOrder: 1 }, ...patientLimits },
      },
    ],
  },
})
