/** Headers that are for one connection alone: a proxy hands none of them on (RFC 9110 §7.6.1). */

const always = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]

/** By their names in small letters: those that always are, and those that `Connection` names. */
export function hopByHop(connection: string | readonly string[] | undefined): ReadonlySet<string> {
  const named = [connection ?? []].flat().flatMap(value => value.toLowerCase().split(','))
  return new Set([...always, ...named.map(name => name.trim())])
}
