/** Measuring on a machine that does other things too: contestants take turns, and what the others did is left out. */

/** Does one thing a number of times, each after the one before. */
export type Repeat = (times: number) => Promise<void>

export interface Turns {
  /** How long the turns go on, in milliseconds; a fifth of that goes before, to warm up. */
  readonly forMs: number
  /** How many times each contestant does its thing in a turn. */
  readonly times: number
}

/** The run is divided into ten parts: of each contestant, one number for each part. */
export type Parts<Name extends string> = Readonly<Record<Name, readonly number[]>>

/** What is in the middle of the ten parts, and between what the middle half of them lies. */
export interface Measured {
  readonly median: number
  readonly lower: number
  readonly upper: number
}

/**
 * Times contestants in turns: nanoseconds for doing the thing once; a few are done off the clock first. The first decile
 * of a part is taken: whatever else runs on the machine makes turns longer, never shorter. Short turns are undisturbed
 * more often, by other programs and by the garbage collector.
 */
export async function timeInTurns<Name extends string>(contestants: Record<Name, Repeat>, turns: Turns) {
  return partsOf(await inTurns(contestants, turns, timed(turns)), 0.1)
}

/**
 * As {@link timeInTurns}, and the time that a process had a processor for it, the system's share included.
 *
 * @param usedBy tells what the process of a contestant has used so far, in microseconds. Default: this process
 */
export async function useInTurns<Name extends string>(
  contestants: Record<Name, Repeat>,
  turns: Turns,
  usedBy: (name: Name) => number | Promise<number> = usedByThisProcess,
) {
  const time = timed(turns)
  const samples = await inTurns(contestants, turns, async (repeat, name) => {
    let used = 0
    const elapsed = await time(async times => {
      const before = await usedBy(name)
      await repeat(times)
      used = (((await usedBy(name)) - before) * 1_000) / times
    })
    return { elapsed, used }
  })
  const elapsed = mapValues(samples, ({ elapsed }) => elapsed)
  const used = mapValues(samples, ({ used }) => used)
  return { elapsed: partsOf(elapsed, 0.1), used: partsOf(used, 0.1) }
}

/** Processor time of this process so far, in microseconds. */
export function usedByThisProcess(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

function timed({ times }: Turns) {
  return async (repeat: Repeat): Promise<number> => {
    await repeat(Math.floor(times / 5))
    const startedAt = process.hrtime.bigint()
    await repeat(times)
    return Number(process.hrtime.bigint() - startedAt) / times
  }
}

/**
 * Weighs contestants in turns: bytes allocated for doing the thing once, the median of a part. `times` is to be so small
 * that the garbage collector seldom runs before all are counted.
 */
export async function weighInTurns<Name extends string>(contestants: Record<Name, Repeat>, turns: Turns) {
  const samples = await inTurns(contestants, turns, async repeat => {
    const heldBefore = process.memoryUsage().heapUsed
    await repeat(turns.times)
    return (process.memoryUsage().heapUsed - heldBefore) / turns.times
  })
  return partsOf(samples, 0.5)
}

const partCount = 10

/** What each contestant's turns came to, in the order they were taken. */
type Samples<Name extends string, Sample> = Readonly<Record<Name, readonly Sample[]>>

/**
 * The heap is collected once, before all. Before each turn it would cost what the engine has learnt: optimized code goes
 * with the shapes it was made for, and everybody would be timed on code that is slower than a program's.
 */
async function inTurns<Name extends string, Sample>(
  contestants: Record<Name, Repeat>,
  { forMs }: Turns,
  sample: (repeat: Repeat, name: Name) => Promise<Sample>,
): Promise<Samples<Name, Sample>> {
  collectGarbage()
  const order = Object.keys(contestants) as Name[]
  const samples = Object.fromEntries(order.map(name => [name, [] as Sample[]])) as Record<Name, Sample[]>
  const warmUntil = performance.now() + forMs / 5
  for (let round = 0, counted = 0; counted < partCount || performance.now() < warmUntil + forMs; round++) {
    const isWarm = performance.now() > warmUntil
    if (isWarm) counted++
    for (const name of orderOf(round, order)) {
      const taken = await sample(contestants[name], name)
      if (isWarm) samples[name].push(taken)
    }
  }
  return samples
}

function partsOf<Name extends string>(samples: Samples<Name, number>, fraction: number): Parts<Name> {
  const parts = Object.entries<readonly number[]>(samples).map(([name, values]) => [
    name,
    quantilesOfParts(values, fraction),
  ])
  return Object.fromEntries(parts) as Parts<Name>
}

/** Each begins as often as any other, and comes after each of the others as often as before it. */
export function orderOf<Name>(round: number, names: readonly Name[]): readonly Name[] {
  const first = round % names.length
  const rotated = [...names.slice(first), ...names.slice(0, first)]
  return Math.floor(round / names.length) % 2 === 0 ? rotated : rotated.toReversed()
}

/** @throws Error when node was not started with `--expose-gc` */
export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run this with node --expose-gc')
  globalThis.gc()
}

/** Divides samples, in the order they were taken, into ten parts and takes the same quantile of each. */
export function quantilesOfParts(samples: readonly number[], fraction: number): readonly number[] {
  const boundary = (part: number) => Math.round((part * samples.length) / partCount)
  return Array.from({ length: partCount }, (_, part) =>
    quantile(ascending(samples.slice(boundary(part), boundary(part + 1))), fraction),
  )
}

/** Part by part, what each contestant has over `base`. */
export function over<Name extends string>(base: readonly number[], parts: Parts<Name>): Parts<Name> {
  return mapValues(parts, (value, part) => value - (base[part] ?? Number.NaN))
}

/** Part by part, how many times as much as `reference` each contestant has. */
export function ratiosTo<Name extends string>(reference: readonly number[], parts: Parts<Name>): Parts<Name> {
  return mapValues(parts, (value, part) => value / (reference[part] ?? Number.NaN))
}

function mapValues<Name extends string, Value>(
  samples: Samples<Name, Value>,
  change: (value: Value, index: number) => number,
): Parts<Name> {
  const entries = Object.entries<readonly Value[]>(samples)
  return Object.fromEntries(entries.map(([name, values]) => [name, values.map(change)])) as unknown as Parts<Name>
}

/** The median and the quartiles of values in any order. */
export function summarize(values: readonly number[]): Measured {
  const sorted = ascending(values)
  return { median: quantile(sorted, 0.5), lower: quantile(sorted, 0.25), upper: quantile(sorted, 0.75) }
}

function ascending(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b)
}

/** Between two values: in proportion. */
function quantile(sorted: readonly number[], fraction: number): number {
  const position = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}
