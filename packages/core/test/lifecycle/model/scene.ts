/** One process, and what is around it. */
import { emptyRecord, type LineageRecord } from '../../../src/lifecycle/record.js'
import type { Known } from '../../../src/lifecycle/version.js'
import { entry, me, numberOf } from './flight.js'
import { most, once, type Process, put, type Setting, type State, type Transition, waking } from './world.js'

export interface Scene {
  readonly state: State
  readonly setting: Setting
  readonly index: number
  readonly process: Process
}

/** The scene with its process changed. */
export function changed(scene: Scene, changes: Partial<Process>): Scene {
  const process = { ...scene.process, ...changes }
  return { ...scene, process, state: put(scene.state, scene.index, process) }
}

/** The scene in another state, in which its process is what it is in this one; but for what writing has changed. */
export function at(scene: Scene, state: State): Scene {
  const { isCurrent } = state.processes[scene.index] as Process
  return changed({ ...scene, state }, { isCurrent })
}

export function isHolder({ state: { lease }, index }: Pick<Scene, 'state' | 'index'>): boolean {
  return lease.holder === index
}

/** The caller has its answer, and the lease is given back. */
export function endFlight(scene: Scene, wants = scene.process.wants, end?: Process['end']): State {
  const { state, setting, index, process } = scene
  const { rest, request, ahead } = process
  const next = put(state, index, { ...waking(wants, setting.resends, ahead), rest, request, end })
  const isMine = state.store.markedBy === index
  const markedBy = isMine ? undefined : state.store.markedBy
  // a mark of what was not sent, with nobody left to take it back: whoever ends the session by it is wrong
  const isLeftThere = isMine && process.outcome?.kind === 'unmarked'
  const marks = Math.max(0, next.seen.marks - (isLeftThere ? 1 : 0))
  return {
    ...next,
    seen: { ...next.seen, marks },
    store: { ...state.store, markedBy },
    lease: isHolder(scene) ? { holder: undefined, left: 0 } : state.lease,
  }
}

/** Nothing goes wrong, nobody is late, and nobody else writes. */
export function isCalm({ mishaps, pauses }: Setting): boolean {
  return mishaps === 0 && !pauses
}

/** The record in the store, as one process sees it: with its own name in the mark, or somebody else's. */
export function shownTo({ state, setting, index }: Scene): LineageRecord {
  const { record, markedBy } = state.store
  if (record.sending === undefined) return record
  const isMine = markedBy === index
  const enough = isMine || !Number.isFinite(setting.resends) ? 1 : most
  return once(isMine ? shownToHolder : shownToOthers[enough], record, () => viewOf(record, isMine, enough))
}

const shownToHolder = new Map<LineageRecord, LineageRecord>()
const shownToOthers = [1, 2, 3].map(() => new Map<LineageRecord, LineageRecord>())

function viewOf(record: LineageRecord, isMine: boolean, enough: number): LineageRecord {
  const { sending } = record
  if (sending === undefined) return record
  const mark = isMine ? { holder: me } : { holder: 'another', sends: Math.min(sending.sends, enough) }
  return { ...record, sending: { ...sending, ...mark } }
}

/** What a process is shown of a record: what is decided by. */
export function knownAs(record: LineageRecord, { wants, outcome }: Process): Known {
  // what is read before `end` is looked at by the store alone, which may have lost it
  if (outcome !== undefined) return unlooked
  const known = once(knowns, record, () => [])
  known[wants] ??= shownAs(record, wants)
  return known[wants]
}

function shownAs({ refreshToken, accessTokens, sending, ended }: LineageRecord, wants: number): Known {
  const token = accessTokens[entry]
  const serving = token !== undefined && numberOf(token.accessToken) >= wants ? { [entry]: token } : {}
  const record = { ...emptyRecord, refreshToken, accessTokens: serving, sending, ended }
  return once(same, JSON.stringify(record), () => ({ version: 'shown', record }))
}

const unlooked: Known = { version: 'shown', record: emptyRecord }
const knowns = new Map<LineageRecord, Known[]>()
const same = new Map<string, Known>()

export function told({ index }: Pick<Scene, 'index'>, step: string, state: State, fault?: string): Transition {
  return { label: `p${index + 1} ${step}`, state, fault }
}
