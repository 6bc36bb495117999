import { defineConfig } from 'vitest/config'

/** In-process tests run on `src`, through the private condition; what starts a process runs on `dist`. */
const conditions = ['@grantkit/source', 'module', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
