/** Parameters of a request → its body: as a form, which is what OAuth has, or as JSON. */
import type { EncodedRequest, Parameters } from './provider.js'

/** `application/x-www-form-urlencoded`; what a server without an `encodeRequest` of its own gets (RFC 6749 appendix B). */
export function encodeForm(parameters: Parameters): EncodedRequest {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    const values = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
    for (const one of values) form.append(name, one)
  }
  return { contentType: 'application/x-www-form-urlencoded', body: form.toString() }
}

/** One value as `encodeForm` writes it. */
export function formEncode(value: string): string {
  return new URLSearchParams({ '': value }).toString().slice(1)
}

/** `application/json`, for the servers that want it; `rename` gives members other names, `undefined` leaves one out. */
export function encodeJson(
  parameters: Parameters,
  rename: Readonly<Record<string, string | undefined>> = {},
): EncodedRequest {
  const members = Object.entries(parameters).map(
    ([name, value]) => [name in rename ? rename[name] : name, value] as const,
  )
  const sent = members.filter(([name, value]) => name !== undefined && value !== undefined)
  return { contentType: 'application/json', body: JSON.stringify(Object.fromEntries(sent)) }
}
