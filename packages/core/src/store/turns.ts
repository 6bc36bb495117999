/** Lets so many operations run at once; the others wait for their turn, in order, the urgent ones first. */
type Turns = <T>(run: () => Promise<T>, isUrgent: boolean) => Promise<T>

/** @param atOnce how many may be under way */
export function turns(atOnce: number): Turns {
  const urgent = queue()
  const others = queue()
  let underWay = 0

  function next(): void {
    underWay--
    const begin = urgent.take() ?? others.take()
    if (begin === undefined) return
    underWay++
    begin()
  }

  return async (run, isUrgent) => {
    if (underWay < atOnce) underWay++
    else await new Promise<void>((isUrgent ? urgent : others).add)
    try {
      return await run()
    } finally {
      next()
    }
  }
}

interface Waiting {
  readonly begin: () => void
  next: Waiting | undefined
}

/** A list: taking the first of an array gets slow when there are many. */
function queue() {
  let first: Waiting | undefined
  let last: Waiting | undefined
  return {
    add(begin: () => void): void {
      const added: Waiting = { begin, next: undefined }
      if (last === undefined) first = added
      else last.next = added
      last = added
    },
    take(): (() => void) | undefined {
      const taken = first
      first = taken?.next
      if (first === undefined) last = undefined
      return taken?.begin
    },
  }
}
