/** Which sources are open: what this process holds for them goes with the last that may want it. */

/** An open source. One that was never closed stops counting when it is garbage-collected. */
export interface OpenSource {
  /** Whose tokens it may ask for: those of a client's users, or an application's by one grant. */
  readonly space: string
  /** How long its records are kept after they were written last, at most, in milliseconds. Default: what they are worth. */
  readonly keepForMs?: number | undefined
}

/** Those of one store. */
export interface OpenSources {
  /** Counts a source as open, for as long as what is returned is in memory. */
  open(space: string, keepForMs?: number): OpenSource
  /** Whether that was the last of its space; `false` when it was closed before. */
  close(source: OpenSource): boolean
}

/** None yet. */
export function openSources(): OpenSources {
  const spaces = new Map<string, Set<WeakRef<OpenSource>>>()
  /** Of those that were not closed yet, and are still in memory. */
  const references = new WeakMap<OpenSource, WeakRef<OpenSource>>()

  const remove = (space: string, reference: WeakRef<OpenSource>): boolean => {
    const open = spaces.get(space)
    if (open === undefined || !open.delete(reference)) return false
    return open.size === 0 && spaces.delete(space)
  }
  const collected = new FinalizationRegistry<() => void>(forget => forget())

  return {
    open(space, keepForMs) {
      const source: OpenSource = { space, keepForMs }
      const reference = new WeakRef(source)
      const open = spaces.get(space) ?? new Set()
      spaces.set(space, open.add(reference))
      references.set(source, reference)
      collected.register(source, () => remove(space, reference))
      return source
    },
    close(source) {
      const reference = references.get(source)
      return reference !== undefined && remove(source.space, reference)
    },
  }
}
