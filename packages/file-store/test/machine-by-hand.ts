/** A machine whose clocks are set by hand, and whose processes die when they are told to. */
import type { Machine } from '../src/machine.js'

export interface MachineByHand {
  readonly clocks: { sinceBootMs: number; epochMs: number }
  readonly dead: Set<string>
  /** The machine as a process of this name sees it. */
  as(process: string): Machine
  restart(): void
}

/** @param options.namesBoots `false` for a system like Windows */
export function machineByHand({ namesBoots = true } = {}): MachineByHand {
  let boots = 1
  const clocks = { sinceBootMs: 1_000_000, epochMs: Date.now() }
  const dead = new Set<string>()
  return {
    clocks,
    dead,
    as: process => ({
      boot: namesBoots ? `boot-${boots}` : '',
      sinceBootMs: () => clocks.sinceBootMs,
      epochMs: () => clocks.epochMs,
      process,
      isGone: name => dead.has(name),
    }),
    restart() {
      boots++
      clocks.sinceBootMs = 1_000
    },
  }
}
