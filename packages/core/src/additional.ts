/** What a token response says beyond RFC 6749 §5.1: `instance_url`, consent and tenant ids. Bounded, and without secrets. */
import { isObject } from './body.js'

/** A value as JSON has it. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue | undefined }

/** By their names on the wire. */
export type AdditionalMembers = Readonly<Record<string, JsonValue | undefined>>

export const noMembers: AdditionalMembers = Object.freeze({})

/** Members that have a place of their own in a token set, or none at all. */
const known = new Set([
  'access_token',
  'refresh_token',
  'id_token',
  'token_type',
  'expires_in',
  'expires_at',
  'refresh_token_expires_in',
  'refresh_expires_in',
  'scope',
  'error',
  'error_description',
])

/** In JSON, for all of them together: a record of a store is read and written whole. */
const mostCharacters = 8_192

/** The further members of an answer, frozen. Those that no longer fit are left out. */
export function additionalMembers(...answers: readonly unknown[]): AdditionalMembers {
  const members = new Map<string, unknown>()
  for (const answer of answers)
    if (isObject(answer))
      for (const [name, value] of Object.entries(answer)) if (!known.has(name)) members.set(name, value)
  return members.size === 0 ? noMembers : bounded([...members])
}

/** Those of the answer before stay when the new one does not name them, as far as they fit; `undefined` for none. */
export function withMembersBefore(
  before: AdditionalMembers | undefined,
  members: AdditionalMembers,
): AdditionalMembers | undefined {
  if (before === undefined && members === noMembers) return undefined
  const isNamed = (name: string) => Object.hasOwn(members, name)
  const kept = Object.entries(before ?? {}).filter(([name]) => !isNamed(name))
  const all = bounded([...Object.entries(members), ...kept])
  return all === noMembers ? undefined : all
}

function bounded(entries: readonly (readonly [string, unknown])[]): AdditionalMembers {
  const fitting: [string, JsonValue][] = []
  let room = mostCharacters
  for (const [name, value] of entries.slice(0, mostMembers)) {
    const copy = isSecret(name) ? undefined : jsonCopy(value, mostDepth, { values: mostCharacters })
    const size = copy === undefined ? 0 : name.length + JSON.stringify(copy).length
    if (copy === undefined || size > room) continue
    room -= size
    fitting.push([name, copy])
  }
  return fitting.length === 0 ? noMembers : Object.freeze(Object.fromEntries(fitting))
}

const mostDepth = 6
/** What comes after so many is not looked at. */
const mostMembers = 1_000

/** How many values may still come: each takes a character at least, so that more do not fit. */
interface Room {
  values: number
}

/** What is a credential by its name, such as `access_token`, `authToken` or `device_secret`; not `issued_token_type`. */
function isSecret(name: string): boolean {
  return /(token|secret|password|assertion)$/i.test(name)
}

function jsonCopy(value: unknown, depth: number, room: Room): JsonValue | undefined {
  if (--room.values < 0) return undefined
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value as JsonValue
  if (typeof value !== 'object' || depth === 0) return undefined
  if (Array.isArray(value)) return Object.freeze(value.map(one => jsonCopy(one, depth - 1, room) ?? null))
  const members = Object.entries(value as object).map(
    ([name, member]) => [name, isSecret(name) ? undefined : jsonCopy(member, depth - 1, room)] as const,
  )
  return Object.freeze(Object.fromEntries(members.filter(([, member]) => member !== undefined)))
}
