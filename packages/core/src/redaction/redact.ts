/**
 * Somebody else's words as they may be shown: in an error's message, in an event. Two things are taken out: what was sent
 * by us, whatever encodings it comes back in, and what looks like a token, whoever's it is. Words stay readable.
 */
import { echoesIn, echoesOf, type Sent } from './echoes.js'
import { type Layer, layerOf, layersFrom } from './layer.js'
import { tokenLikeIn } from './token-like.js'

export type { Sent }

/** Far more than is shown, and few enough to be looked at from every side. */
const mostRead = 2_000

/**
 * A text that is printable, short and without secrets.
 *
 * @param length how many characters at most
 * @param sent what the text may repeat
 */
export function redact(text: string, length: number, sent: Sent = { secrets: [] }): string {
  const read = beginningOf(text)
  const hidden = new Uint8Array(read.length)
  const echoes = echoesOf(sent)
  for (const layer of layersFrom(layerOf(read))) {
    const open = openIn(layer, sent.open ?? [])
    for (const [first, last] of tokenLikeIn(layer.text))
      if (!isOpen(open, first, last)) hide(hidden, layer, first, last)
    for (const [first, last] of echoesIn(layer, echoes)) hide(hidden, layer, first, last)
  }
  return shortened(withHoles(read, hidden), length)
}

/** Cut where a word ends, or far before: the beginning of a token looks like none. */
function beginningOf(text: string): string {
  const read = text
    .slice(0, 4 * mostRead)
    .replace(/\s+/g, ' ')
    .trim()
  if (read.length <= mostRead) return read
  const tail = read.slice(mostRead - mostOfWord, mostRead)
  return read.slice(0, mostRead - (/[^\s"'<>,{}]*$/.exec(tail)?.[0].length ?? 0))
}

const mostOfWord = 256

function hide(hidden: Uint8Array, { from, to }: Layer, first: number, last: number): void {
  hidden.fill(1, from[first], to[last])
}

/** Where names and addresses stand that everybody may read. */
function openIn({ text }: Layer, open: readonly string[]): Uint8Array {
  const marks = new Uint8Array(text.length)
  for (const one of open.filter(one => one.length >= 3))
    for (let at = text.indexOf(one); at !== -1; at = text.indexOf(one, at + one.length))
      marks.fill(1, at, at + one.length)
  return marks
}

function isOpen(marks: Uint8Array, first: number, last: number): boolean {
  return marks[first] === 1 && marks[last] === 1
}

function withHoles(text: string, hidden: Uint8Array): string {
  let shown = ''
  for (let at = 0; at < text.length; at++) {
    if (hidden[at] === 0) shown += text.charAt(at)
    else if (hidden[at - 1] !== 1) shown += '[redacted]'
  }
  return shown
}

function shortened(text: string, length: number): string {
  const plain = text.replace(/[^\x21-\x7e]+/g, ' ').trim()
  return plain.length > length ? `${plain.slice(0, length - 3)}...` : plain
}
