/** A directory of its own for each test file, removed at the end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

export function temporaryDirectory(): () => string {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'grantkit-file-store-'))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return () => directory
}
