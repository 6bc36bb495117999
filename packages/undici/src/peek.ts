/** Looks at the beginning of a stream. */

export interface Peeked {
  readonly beginning: Buffer
  /** Whether that is all of it. */
  readonly isAll: boolean
  /** What was read and the rest, as if nobody had looked. */
  readonly whole: AsyncIterableIterator<Uint8Array>
}

/** Reads on until there are so many bytes, or no more. */
export async function peek(stream: AsyncIterable<Uint8Array>, bytes: number): Promise<Peeked> {
  const chunks = stream[Symbol.asyncIterator]()
  const read: Promise<IteratorResult<Uint8Array>>[] = []
  const whole: AsyncIterableIterator<Uint8Array> = {
    next: () => read.shift() ?? chunks.next(),
    return: async () => (await chunks.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => whole,
  }
  const beginning: Uint8Array[] = []
  let isAll = false
  try {
    for (let size = 0; size < bytes && !isAll; ) {
      read.push(chunks.next())
      const { done = false, value } = await (read.at(-1) as (typeof read)[0])
      isAll = done
      if (done) break
      beginning.push(value)
      size += value.length
    }
  } catch {
    // it broke off: whoever reads the whole meets the error, at the same place
  }
  return { beginning: Buffer.concat(beginning), isAll, whole }
}
