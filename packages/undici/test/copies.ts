/** Every undici the tests run with, typed as the installed one: what is used is alike in all. */
import * as installed from 'undici'
import * as newest6 from 'undici-6'
import * as lowest6 from 'undici-6-lowest'
import * as lowest7 from 'undici-7-lowest'

export type Undici = typeof installed

export interface Copy {
  readonly name: string
  readonly undici: Undici
}

/** undici 8 needs Node 22.19. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const newest8 = major > 22 || (major === 22 && minor >= 19) ? await import('undici-8') : undefined

export const newest: Copy = { name: 'undici 7', undici: installed }
export const lowest: Copy = { name: 'undici 6.9.0', undici: lowest6 as unknown as Undici }

export const copies: readonly Copy[] = [
  ...(newest8 === undefined ? [] : [{ name: 'undici 8', undici: newest8 as unknown as Undici }]),
  newest,
  { name: 'undici 7.0.0', undici: lowest7 as unknown as Undici },
  { name: 'undici 6', undici: newest6 as unknown as Undici },
  lowest,
]
