/** PEM (RFC 7468) as it arrives in options: what came instead, and what was done to it between a file and a variable. */
import { optionError } from './options.js'

/** What an option wants of PEM. */
export type PemKind = 'certificate' | 'private key'

const labels: Readonly<Record<PemKind, RegExp>> = {
  certificate: /-----BEGIN CERTIFICATE-----/,
  'private key': /-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----/,
}

/**
 * The text of PEM that has a block of the wanted kind.
 *
 * @throws {TypeError} naming the option and saying what to do; none of the text is shown
 */
export function readPem(option: string, pem: string | Uint8Array, wanted: PemKind): string {
  const text = Buffer.from(pem as string).toString()
  const problem = labels[wanted].test(text) ? damage(text) : mistakenFor(text, wanted, pem instanceof Uint8Array)
  if (problem !== undefined) throw optionError(option, problem)
  return text
}

/** What environment variables, secret stores and template literals do to line breaks. */
function damage(text: string): string | undefined {
  if (/^\s*["']/.test(text)) return 'is in quotes: take them off what comes from a file of variables'
  if (text.includes('\\n'))
    return "holds \\n as two characters where line breaks belong: pass pem.replaceAll('\\\\n', '\\n')"
  if (!/[\r\n]/.test(text.trim())) return 'stands on one line: its line breaks were lost on the way here'
  if (/^[ \t]+-----BEGIN/m.test(text)) return 'is indented: every line of PEM begins at the margin'
  if (text.includes('-----BEGIN OPENSSH PRIVATE KEY-----'))
    return 'is in the format of OpenSSH: ssh-keygen -p -m PKCS8 -f <file> converts it'
  return undefined
}

function mistakenFor(text: string, wanted: PemKind, isBytes: boolean): string {
  if (text.trim() === '') return 'is empty: a variable that is not set?'
  const label = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1]
  if (label !== undefined) return `is a ${label.toLowerCase()}; the ${wanted} is needed`
  if (isPath(text)) return asPath(wanted)
  if (/^\s*\{/.test(text)) return 'is JSON as text; a JWK is passed parsed: JSON.parse(text)'
  if (isBytes && text.charCodeAt(0) === 0x30) return `is DER; the ${wanted} is needed in PEM`
  if (/^[A-Za-z0-9+/_\s-]{64,}=*\s*$/.test(text))
    return 'is Base64 without the lines around it: PEM has BEGIN before and END after'
  if (/^[\w.@-]+([/\\][\w.@-]+)+\s*$/.test(text)) return asPath(wanted)
  return `holds no ${wanted} in PEM`
}

function asPath(wanted: PemKind): string {
  return `is a path; the ${wanted} itself is needed: readFileSync(path)`
}

function isPath(text: string): boolean {
  const path = text.trim()
  if (path.length > 4096 || /[\r\n]/.test(path)) return false
  return /^(\.{0,2}[/\\]|~|[A-Za-z]:[/\\]|file:)/.test(path) || /\.(pem|key|crt|cer|cert|der|pk?8|pfx|p12)$/i.test(path)
}
