/** Finds what was sent in what comes back, however it is written there, and pieces of it. */
import { type Layer, layerOf, layerOfBytes, layersFrom } from './layer.js'
import type { Found } from './token-like.js'

/** What was sent: what may not be shown, and what may. */
export interface Sent {
  readonly secrets: readonly string[]
  /** Names, addresses and scopes; what a secret has in common with them is not taken out. */
  readonly open?: readonly string[] | undefined
}

/** Secrets as they are looked for. */
interface Echoes {
  /** Every piece of so many bytes of a long one. */
  readonly pieces: ReadonlySet<string>
  readonly short: readonly string[]
}

/** A piece of a secret that is shorter tells little, and is found in too many words. */
const pieceLength = 8
/** Less is in every text. */
const leastLength = 3
/** Of an assertion that brings a chain of certificates, enough. */
const mostOfOne = 16_384

export function echoesOf({ secrets, open = [] }: Sent): Echoes {
  const openText = open.map(text => compact({ text }).text).join('\0')
  const pieces = new Set<string>()
  const short = new Set<string>()
  for (const spelling of secrets.flatMap(spellings)) {
    if (spelling.length < pieceLength && spelling.length >= leastLength) short.add(spelling)
    const isOpen = openText.includes(spelling)
    for (const piece of piecesOf(spelling)) if (isOpen || !openText.includes(piece)) pieces.add(piece)
  }
  return { pieces, short: [...short] }
}

/** How a secret may be written once nothing is escaped any more, or less; in UTF-8, and in Latin-1; or in other letters. */
function spellings(secret: string): string[] {
  const text = secret.slice(0, mostOfOne)
  const layers = [...layersFrom(layerOf(text))]
  const isLatin1 = /[\x80-\xff]/.test(text) && !/[^ -\xff]/.test(text)
  if (isLatin1) layers.push(...layersFrom(layerOfBytes(Buffer.from(text, 'latin1'))))
  return [...layers.map(({ text }) => text), ...packings(text)].map(spelling => compact({ text: spelling }).text)
}

/** Base64 at each place a secret may have in it, hexadecimal and numbers: to be found in pieces, however they are broken. */
function packings(secret: string): string[] {
  if (secret.length > mostPacked) return []
  const bytes = Buffer.from(secret)
  const base64 = [0, 1, 2].flatMap(before => {
    const padded = Buffer.concat([Buffer.alloc(before), bytes])
    return (['base64', 'base64url'] as const).map(name => padded.toString(name).slice(before === 0 ? 0 : before + 1))
  })
  const hex = bytes.toString('hex').match(/../g) ?? []
  // the last character depends on what follows
  return [...base64.map(text => text.replace(/.=*$/, '')), hex.join(''), hex.join(':'), bytes.join(',')]
}

/** A longer one is an assertion, which nobody writes otherwise. */
const mostPacked = 1_024

function piecesOf(spelling: string): string[] {
  const count = Math.max(0, spelling.length - pieceLength + 1)
  return Array.from({ length: count }, (_, start) => spelling.slice(start, start + pieceLength))
}

/** Where something of a secret stands in a layer. */
export function* echoesIn(layer: Layer, echoes: Echoes, depth = mostPackings): Generator<Found> {
  const { text, at } = compact(layer)
  const found = (start: number, length: number): Found => [at[start] as number, at[start + length - 1] as number]
  for (let start = 0; start + pieceLength <= text.length; start++)
    if (echoes.pieces.has(text.slice(start, start + pieceLength))) yield found(start, pieceLength)
  for (const secret of echoes.short)
    for (let start = text.indexOf(secret); start !== -1; start = text.indexOf(secret, start + 1))
      yield found(start, secret.length)
  if (depth === 0) return
  for (const { 0: run, index } of layer.text.matchAll(packed))
    if (unpacked(run).some(bytes => isIn(bytes, echoes, depth - 1))) yield [index, index + run.length - 1]
}

/** Blanks and signs that take their place are left out, since servers wrap, and all letters are small. */
function compact({ text }: Pick<Layer, 'text'>): { readonly text: string; readonly at: readonly number[] } {
  const at: number[] = []
  let kept = ''
  for (const { 0: part, index } of text.matchAll(/[\x21-\x2a\x2c-\x7e\x80-\xff]+/g)) {
    for (let offset = 0; offset < part.length; offset++) at.push(index + offset)
    kept += part
  }
  return { text: kept.toLowerCase(), at }
}

/** How often something may be packed in itself. */
const mostPackings = 3
/** Base64 (RFC 4648 §4, §5) and hexadecimal, in whose letters no secret can be seen. */
const packed = /[\w+/-]{4,}={0,2}/g

/** What a run may stand for, wherever in it the beginning is. */
function unpacked(run: string): Buffer[] {
  const base64 = [0, 1, 2, 3].map(start => Buffer.from(run.slice(start), 'base64'))
  const hex = /^[\da-f]{6,}$/i.test(run) ? [0, 1].map(start => Buffer.from(run.slice(start), 'hex')) : []
  return [...base64, ...hex]
}

function isIn(bytes: Buffer, echoes: Echoes, depth: number): boolean {
  for (const layer of layersFrom(layerOfBytes(bytes))) if (!echoesIn(layer, echoes, depth).next().done) return true
  return false
}
