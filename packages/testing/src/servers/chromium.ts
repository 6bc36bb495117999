/** Chromium for tests: where it is, and how it is started where there is no screen. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The program there is, by its path; `undefined` where it is not installed. */
export function chromiumProgram(): string | undefined {
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
  return folders.map(folder => join(folder, 'chromium')).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What it is started with: no screen, and nothing asked of anybody but this machine, which is all of `*.test` too. */
export const chromiumFlags: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
]
