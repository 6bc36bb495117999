/** The few DER encodings (ITU-T X.690) an X.509 certificate needs. Writes only; node:crypto does the reading. */

/** One value with its tag and its length. */
export function tagged(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag]), encodeLength(content.length), content])
}

/** SEQUENCE of values already encoded. */
export const sequence = (...items: readonly Uint8Array[]): Buffer => tagged(0x30, ...items)
/** SET of values already encoded. */
export const set = (...items: readonly Uint8Array[]): Buffer => tagged(0x31, ...items)
/** OCTET STRING. */
export const octetString = (content: Uint8Array): Buffer => tagged(0x04, content)
/** UTF8String. */
export const utf8String = (text: string): Buffer => tagged(0x0c, Buffer.from(text, 'utf8'))
/** BOOLEAN true; false is always the default, which DER leaves out. */
export const booleanTrue = (): Buffer => tagged(0x01, Buffer.from([0xff]))
/** NULL, the parameters of an RSA signature algorithm (RFC 4055 §5). */
export const algorithmNull = (): Buffer => tagged(0x05)

/** A positive integer from its bytes, with the leading zero DER wants when the first bit is set. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex(byte => byte !== 0)
  const significant = first < 0 ? Buffer.from([0]) : Buffer.from(bytes.subarray(first))
  const padding = (significant[0] ?? 0) & 0x80 ? Buffer.from([0]) : Buffer.alloc(0)
  return tagged(0x02, padding, significant)
}

/** @param unusedBits of the last byte; a signature has none, a KeyUsage has some */
export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return tagged(0x03, Buffer.from([unusedBits]), content)
}

/** @param dotted such as `2.5.4.3` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(encodeArc)]))
}

/** RFC 5280 §4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050. */
export function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/[-:T]|\.\d+/g, '')
  return at.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits))
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = encodeBigEndian(length)
  return Buffer.from([0x80 | bytes.length, ...bytes])
}

function encodeBigEndian(value: number): number[] {
  return value === 0 ? [] : [...encodeBigEndian(Math.floor(value / 256)), value % 256]
}

function encodeArc(arc: number): number[] {
  const groups = [arc & 0x7f]
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80)
  return groups
}
