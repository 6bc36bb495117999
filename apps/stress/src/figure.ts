/** What a scenario has shown: figures, and of some of them what they must be. */

export interface Figure {
  readonly name: string
  readonly value: number | string
  /** What it must be, in words; without it the figure is for information. */
  readonly wanted?: string
  readonly ok: boolean
}

export interface Result {
  readonly scenario: string
  /** With what it was run. */
  readonly setting: string
  /** For results that are shown side by side, one after the other in the list: what this one's values stand under. */
  readonly column?: string
  readonly figures: readonly Figure[]
}

/** A figure for information. */
export function information(name: string, value: number | string): Figure {
  return { name, value, ok: true }
}

/** A figure that must have a certain value. */
export function exactly<Value extends number | string>(wanted: Value, name: string, value: Value): Figure {
  return { name, value, wanted: String(wanted), ok: value === wanted }
}

/** A figure that must be a number or more: that the scenario has shown anything at all. */
export function atLeast(wanted: number, name: string, value: number): Figure {
  return { name, value, wanted: `≥ ${wanted}`, ok: value >= wanted }
}

export function isOk({ figures }: Result): boolean {
  return figures.every(({ ok }) => ok)
}
