/** Parses a URL. */

/**
 * The URL, or `undefined` for what is none. Not by `URL.canParse`: in Node 20 and 22, once it has been called often, it
 * says no to letters such as `ü`.
 */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}
