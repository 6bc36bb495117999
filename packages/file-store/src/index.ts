/** Token records in files: shared by the processes of one machine, without a server. */
import { resolve } from 'node:path'
import type { TokenStore } from '@grantkit/core'
import { checkNumber, checkOptions, checkText, optionError } from '@grantkit/core/kit'
import { openDirectory } from './directory.js'
import { systemFiles } from './files.js'
import { thisMachine } from './machine.js'
import { storeIn } from './store.js'

/** Where the records are, and who keeps them secret. */
export interface FileStoreOptions {
  /**
   * Where the records are, on a disk of this machine. It is made when it is missing, with what leads to it; one that is
   * there must belong to the user of this process, and be open to nobody else.
   */
  readonly directory: string
  /**
   * `'elsewhere'` says that the directory is encrypted by other means, or that records may lie there in the clear.
   * Without it the store has to be wrapped in `sealedStore()`.
   */
  readonly secrecy?: 'elsewhere' | undefined
  /** How long an operation may take before it counts as failed, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined
}

/** Node has four threads for all files; each operation is a number of steps, most of which wait for the disk. */
const atOnce = 8

/**
 * A store in files. A write is on the disk before it is answered; a process, or the machine, that stops at any moment
 * leaves the old record or the new one, and nothing that anybody else waits for.
 *
 * @throws TypeError naming the option, also when the directory cannot be made
 */
export function fileStore(options: FileStoreOptions): TokenStore {
  checkOptions('fileStore', options, ['directory', 'secrecy', 'timeoutMs'])
  const { timeoutMs } = options
  if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, 1)
  checkText('directory', options.directory)
  if (options.secrecy !== undefined && options.secrecy !== 'elsewhere')
    throw optionError('secrecy', "must be 'elsewhere' or left out")
  const path = resolve(options.directory)
  const store = storeIn(openDirectory(path), systemFiles, thisMachine())
  /** Somebody may have deleted the directory as a whole, to log everybody out. */
  const inDirectory = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      openDirectory(path)
      return operation()
    }
  }
  return {
    ...store,
    limits: { timeoutMs, atOnce },
    ...(options.secrecy && { secrecy: options.secrecy }),
    compareAndSet: (key, expected, record) => inDirectory(() => store.compareAndSet(key, expected, record)),
    lease: (key, holder, durationMs) => inDirectory(() => store.lease(key, holder, durationMs)),
  }
}
