/** A text under its escapes: what a server echoes may be written in several encodings, one inside the other. */

/** A text as bytes, one character for each, and where in the text it came from each of them stands. */
export interface Layer {
  readonly text: string
  readonly from: readonly number[]
  readonly to: readonly number[]
}

export function layerOf(text: string): Layer {
  const bytes = new LayerWriter()
  let at = 0
  for (const character of text) {
    bytes.add(utf8(character), at, at + character.length)
    at += character.length
  }
  return bytes
}

/** The same of bytes that came out of an encoding. */
export function layerOfBytes(bytes: Buffer): Layer {
  const layer = new LayerWriter()
  layer.add(bytes.toString('latin1'), 0, bytes.length)
  return layer
}

/** How deep is dug: a form in JSON in HTML is three. */
const mostLayers = 6

/** A layer as it is, and then once less escaped each time. */
export function* layersFrom(first: Layer): Generator<Layer> {
  let layer: Layer | undefined = first
  for (let depth = 0; layer !== undefined && depth < mostLayers; depth++) {
    yield layer
    layer = unescaped(layer)
  }
}

class LayerWriter implements Layer {
  text = ''
  readonly from: number[] = []
  readonly to: number[] = []

  add(bytes: string, from: number, to: number): void {
    this.text += bytes
    for (let index = 0; index < bytes.length; index++) {
      this.from.push(from)
      this.to.push(to)
    }
  }
}

/** Percent-encoding, character references of HTML and XML, escapes of JSON and JavaScript; one step, all at once. */
const escapes = new RegExp(
  [
    '%u(?<unit>[\\da-f]{4})|%(?<percent>[\\da-f]{2})',
    '&#x0{0,6}(?<hex>[\\da-f]{1,6});?|&#0{0,6}(?<decimal>\\d{1,7});?|&(?<name>[a-z][a-z\\d]{1,8});?',
    '\\\\u\\{0{0,6}(?<braced>[\\da-f]{1,6})\\}|(?<units>\\\\ud[89ab][\\da-f]{2}\\\\ud[c-f][\\da-f]{2}|\\\\u[\\da-f]{4})|\\\\x(?<byte>[\\da-f]{2})',
    '\\\\(?<octal>[0-3][0-7]{2})|\\\\(?<letter>[bfnrtv0])|\\\\(?<sign>[^a-z\\d\\s])',
  ].join('|'),
  'gi',
)

/** `undefined` when nothing is escaped. */
function unescaped({ text, from, to }: Layer): Layer | undefined {
  const bytes = new LayerWriter()
  let end = 0
  const copy = (until: number) => {
    for (; end < until; end++) bytes.add(text.charAt(end), from[end] as number, to[end] as number)
  }
  for (const { 0: match, index, groups = {} } of text.matchAll(escapes)) {
    const meant = meaning(groups)
    if (meant === undefined) continue
    copy(index)
    end = index + match.length
    bytes.add(meant, from[index] as number, to[end - 1] as number)
  }
  if (end === 0) return undefined
  copy(text.length)
  return bytes
}

function meaning(groups: Readonly<Record<string, string | undefined>>): string | undefined {
  const { unit, percent, hex, decimal, name, braced, units, byte, octal, letter, sign } = groups
  const raw = percent ?? byte
  if (raw !== undefined) return String.fromCharCode(Number.parseInt(raw, 16))
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
  if (units !== undefined)
    return utf8(
      String.fromCharCode(
        ...units
          .split(/\\u/i)
          .slice(1)
          .map(one => Number.parseInt(one, 16)),
      ),
    )
  if (letter !== undefined) return ' '
  if (sign !== undefined) return sign
  if (name !== undefined) return characters.get(name) ?? characters.get(name.toLowerCase())
  const point = decimal === undefined ? Number.parseInt(unit ?? hex ?? braced ?? '', 16) : Number(decimal)
  return point <= 0x10ffff ? utf8(String.fromCodePoint(point)) : undefined
}

function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** The named characters of ASCII, as HTML 5 has them, and those of Latin-1 in their order. */
const namesOfAscii =
  'excl! quot" num# dollar$ percnt% amp& apos\' lpar( rpar) ast* midast* plus+ comma, period. sol/ colon: semi; lt< ' +
  'equals= gt> quest? commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack] hat^ lowbar_ underbar_ grave` lcub{ lbrace{ vert| ' +
  'verbar| rcub} rbrace} hyphen- dash- tab\t newline\n'
const namesOfLatin1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro ' +
  'para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil ' +
  'Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave ' +
  'Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml ' +
  'igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute ' +
  'thorn yuml'

const characters = new Map([
  ...namesOfLatin1.split(' ').map((name, index) => [name, utf8(String.fromCharCode(160 + index))] as const),
  ...namesOfAscii.split(' ').map(named => [named.slice(0, -1), named.slice(-1)] as const),
])
