/** Which sources are open: what is held for them goes with the last that may want it. */

/** An open source. One that nobody has any more does not count, though it was never closed. */
export interface Holder {
  /** Whose tokens it may ask for: those of a client's users, or an application's by one grant. */
  readonly space: string
}

export interface Holders {
  open(space: string): Holder
  /** Whether that was the last of its space; `false` when it was closed before. */
  close(holder: Holder): boolean
}

export function holders(): Holders {
  const spaces = new Map<string, Set<WeakRef<Holder>>>()
  const references = new WeakMap<Holder, WeakRef<Holder>>()

  const remove = (space: string, reference: WeakRef<Holder>): boolean => {
    const open = spaces.get(space)
    if (open === undefined || !open.delete(reference)) return false
    return open.size === 0 && spaces.delete(space)
  }
  const collected = new FinalizationRegistry<() => void>(forget => forget())

  return {
    open(space) {
      const holder = { space }
      const reference = new WeakRef(holder)
      const open = spaces.get(space) ?? new Set()
      spaces.set(space, open.add(reference))
      references.set(holder, reference)
      collected.register(holder, () => remove(space, reference))
      return holder
    },
    close(holder) {
      const reference = references.get(holder)
      return reference !== undefined && remove(holder.space, reference)
    },
  }
}
