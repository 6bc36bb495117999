import { setTimeout as wait } from 'node:timers/promises'

/** Asks until the answer is yes; fails when it never is. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempts = 0; attempts < 1_000; attempts++) {
    if (await isSo()) return
    await wait(20)
  }
  throw new Error(`never: ${isSo}`)
}
