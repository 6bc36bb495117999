/** Writes that count only when replicas have them. */
import { TokenStoreError } from '@grantkit/core'
import { checkNumber, checkOptions, optionError } from '@grantkit/core/kit'
import { type Connection, isDone, type Script } from './connection.js'

/** How many replicas are waited for, and how long. */
export interface WaitForReplicas {
  /** How many replicas must have acknowledged a write. */
  readonly count: number
  /** How long they have for it, in milliseconds. */
  readonly timeoutMs: number
}

export function checkWaitForReplicas(value: WaitForReplicas): void {
  checkOptions('waitForReplicas', value, ['count', 'timeoutMs'])
  for (const name of ['count', 'timeoutMs'] as const) {
    const option = `waitForReplicas.${name}`
    checkNumber(option, value[name], 1)
    if (!Number.isInteger(value[name])) throw optionError(option, 'must be a whole number')
  }
}

/**
 * Runs a script that writes, and waits. One that has written nothing has nothing to wait for.
 *
 * @returns whether it has written
 * @throws TokenStoreError when too few replicas have it in time; it may be asked again
 */
export async function writeToReplicas(
  connection: Connection,
  operation: string,
  script: Script,
  wait: WaitForReplicas,
): Promise<boolean> {
  const [reply, acknowledgements] = await runAndWait(connection, script, wait)
  if (!isDone(reply)) return false
  if (Number(acknowledgements) >= wait.count) return true
  const problem = `${acknowledgements} of ${wait.count} replicas had it after ${wait.timeoutMs} ms`
  throw new TokenStoreError(problem, { operation })
}

/** When a key has moved to another node of a cluster, a pipeline does not follow; a command alone does, and all after it. */
async function runAndWait(connection: Connection, script: Script, wait: WaitForReplicas) {
  try {
    return await connection.runAndWait(script, wait)
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('MOVED '))) throw error
    await connection.run({ text: 'return 0', key: script.key, args: [] })
    return connection.runAndWait(script, wait)
  }
}
