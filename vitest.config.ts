import { defineConfig } from 'vitest/config'

/** In-process tests run on `src`, through the private condition; what starts a process runs on `dist`. */
export default defineConfig({
  ssr: { resolve: { conditions: ['@grantkit/source', 'node', 'import', 'module', 'default'] } },
  resolve: { conditions: ['@grantkit/source', 'node', 'import', 'module', 'default'] },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
