import { configDefaults, defineConfig } from 'vitest/config'
import { watchedForks } from './scripts/watched-forks.mjs'

/** In-process tests run on `src`, through the private condition; what starts a process runs on `dist`. */
const conditions = ['@grantkit/source', 'module', 'node']

/** What takes minutes, or needs servers, browsers or many processes: `npm run test:heavy`. */
const heavy = [
  '{packages,apps}/*/test/**/*.heavy.test.ts',
  'test/*.heavy.test.ts',
  // every order of two and three processes, in hundreds of thousands of states
  'packages/core/test/lifecycle/model/model.test.ts',
]

/** No test is slow because of these: they end one that hangs, and leave room on a machine that is busy otherwise. */
const limits = {
  pool: watchedForks(300_000),
  testTimeout: 120_000,
  hookTimeout: 120_000,
  teardownTimeout: 60_000,
  expect: { poll: { timeout: 60_000 } },
}
const patientLimits = { ...limits, pool: watchedForks(600_000), testTimeout: 300_000, hookTimeout: 300_000 }

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    coverage: {
      include: ['packages/*/src/**'],
      reporter: ['text-summary', 'json-summary'],
      reportsDirectory: '.tmp/coverage',
      // postgres and redis have their tests among the heavy ones
      thresholds: {
        'packages/core/src/**': { lines: 98, branches: 94 },
        'packages/{axios,express,got,provider-*,undici}/src/**': { lines: 96, branches: 88 },
      },
    },
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
