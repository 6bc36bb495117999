/** Goes through all that can happen, breadth first, so that the first fault found is the one that takes the fewest steps. */
export interface Model<State> {
  readonly initial: State
  readonly transitions: (state: State) => readonly Edge<State>[]
  /** The same text for two states whose future is the same. */
  readonly encode: (state: State) => string
  /** Whether nothing has to happen any more. */
  readonly isEnd: (state: State) => boolean
}

interface Edge<State> {
  readonly label: string
  readonly state: State
  readonly fault?: string | undefined
}

export interface Finding {
  /** How many states there are; up to the fault, when there is one. */
  readonly states: number
  /** The property that does not hold. */
  readonly fault: string | undefined
  /** What leads there. */
  readonly trace: readonly string[]
  /** Everything that happened on some way. */
  readonly labels: ReadonlySet<string>
}

export const stuck = '(e) nobody gets on: no end can be reached any more'

/** A finding as a developer wants to read it. */
export function storyOf({ states, fault, trace }: Finding): string {
  return [
    `${fault ?? 'no fault'}, after ${states} states`,
    ...trace.map((label, index) => `${index + 1}. ${label}`),
  ].join('\n')
}

/**
 * Searches for a fault: a transition that has one, or a state from which no end can be reached.
 *
 * @throws RangeError beyond `mostStates`: the model is not finite, or too large to be gone through
 */
export function search<State>(model: Model<State>, mostStates = 3_000_000): Finding {
  const { initial, transitions, encode, isEnd } = model
  const indexes = new Map<string, number>([[encode(initial), 0]])
  const parents: number[] = [-1]
  const edges: number[] = []
  const ends: number[] = []
  const labels = new Set<string>()
  const found = (fault?: string, ...trace: string[]) => ({ states: parents.length, fault, trace, labels })
  let level: [number, State][] = [[0, initial]]
  while (level.length > 0) {
    const next: [number, State][] = []
    for (const [from, state] of level) {
      if (isEnd(state)) {
        ends.push(from)
        continue
      }
      for (const { label, state: after, fault } of transitions(state)) {
        labels.add(label)
        if (fault !== undefined) return found(fault, ...traceTo(model, indexes, parents, from), label)
        const key = encode(after)
        let to = indexes.get(key)
        if (to === undefined) {
          to = parents.length
          indexes.set(key, to)
          parents.push(from)
          next.push([to, after])
        }
        edges.push(from, to)
      }
    }
    if (parents.length > mostStates) throw new RangeError(`more than ${mostStates} states`)
    level = next
  }
  const lost = firstWithoutEnd(parents.length, edges, ends)
  return lost === undefined ? found() : found(stuck, ...traceTo(model, indexes, parents, lost))
}

/** Follows the labels from the beginning to a state. */
function traceTo<State>(
  { initial, transitions, encode }: Model<State>,
  indexes: Map<string, number>,
  parents: readonly number[],
  goal: number,
): string[] {
  const path: number[] = []
  for (let at = goal; at > 0; at = parents[at] as number) path.unshift(at)
  let state = initial
  return path.map(index => {
    const edge = transitions(state).find(({ state: after }) => indexes.get(encode(after)) === index) as Edge<State>
    state = edge.state
    return edge.label
  })
}

/** Goes back from the ends; the first state that is not met, if any. */
function firstWithoutEnd(states: number, edges: readonly number[], ends: readonly number[]): number | undefined {
  const before = sources(states, edges)
  const met = new Uint8Array(states)
  const open = [...ends]
  for (const end of ends) met[end] = 1
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const from of before(at)) {
      if (met[from] === 1) continue
      met[from] = 1
      open.push(from)
    }
  const first = met.indexOf(0)
  return first === -1 ? undefined : first
}

/** From each state, the ones it is reached from; in two arrays of numbers, since there are millions. */
function sources(states: number, edges: readonly number[]): (state: number) => Int32Array {
  const count = edges.length / 2
  const starts = new Int32Array(states + 1)
  const at = (index: number) => edges[index] as number
  const startOf = (state: number) => starts[state] as number
  for (let edge = 0; edge < count; edge++) starts[at(2 * edge + 1)] = startOf(at(2 * edge + 1)) + 1
  for (let state = 1; state <= states; state++) starts[state] = startOf(state) + startOf(state - 1)
  const froms = new Int32Array(count)
  for (let edge = 0; edge < count; edge++) {
    const to = at(2 * edge + 1)
    starts[to] = startOf(to) - 1
    froms[startOf(to)] = at(2 * edge)
  }
  return state => froms.subarray(startOf(state), startOf(state + 1))
}
