/** Keys as names of folders, and back. */
import { optionError } from '@grantkit/core/kit'

/**
 * The name of a key's folder. A capital gets a `+` before it and becomes small, since some file systems do not tell them
 * apart; the first `+` makes names of what Windows keeps for devices, such as `con`.
 *
 * @throws TypeError for what is not a key, so that none leads out of the store
 */
export function nameOf(key: string): string {
  if (typeof key !== 'string' || !/^[\w-]{1,100}$/.test(key))
    throw optionError('key', 'must be 1 to 100 letters, digits, - and _')
  return `+${key.replace(/[A-Z]/g, letter => `+${letter.toLowerCase()}`)}`
}

/** The key of a folder, or `undefined` for a folder that is no key's. */
export function keyOf(name: string): string | undefined {
  if (!/^\+(\+[a-z]|[a-z\d_-])+$/.test(name)) return undefined
  return name.slice(1).replace(/\+[a-z]/g, letter => letter.slice(1).toUpperCase())
}
