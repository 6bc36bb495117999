/** What a server sent and does not hold, as an error's message shows it: enough to see what is wrong, and no secret. */
import { kindOf } from './body.js'
import { redact } from './redaction/redact.js'

/** What a value may repeat. */
export interface Repeated {
  /** What may not be shown. What looks like a token never is. */
  readonly secrets?: readonly (string | undefined)[] | undefined
  /** Names and addresses that may be shown, even if they look like a token. */
  readonly open?: readonly string[] | undefined
}

const mostCharacters = 200

/** A text in quotes, a number; of anything else, what kind of value it is. */
export function shownValue(value: unknown, { secrets = [], open = [] }: Repeated = {}): string {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string') return kindOf(value)
  const hidden = secrets.filter(secret => secret !== undefined && secret !== '') as string[]
  return `"${redact(value, mostCharacters, { secrets: hidden, open })}"`
}

/** A name that is shown though it looks like a token, as the thumbprint of a key does. */
export function shownName(name: unknown, { secrets }: Pick<Repeated, 'secrets'> = {}): string {
  return shownValue(name, { secrets, open: typeof name === 'string' ? [name] : [] })
}

/** A URL without its query, and without quotes. */
export function shownUrl(url: string, open: readonly string[] = []): string {
  return redact(url.replace(/\?.*/s, ''), mostCharacters, { secrets: [], open })
}
