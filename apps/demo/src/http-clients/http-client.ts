/** What the app asks of an HTTP client. Each is a module of its own beside this one. */
import type { Prepared } from '../row.js'

/** One library, with a card's token source attached. */
interface HttpClient {
  readonly name: string
  /** GETs a URL with a token; any status is an answer. Rejects with what the library makes of a failed token request. */
  call(url: string): Promise<{ readonly status: number }>
  close(): Promise<void>
}

/** Attaches a card's token source to a library. */
export type Attach = (prepared: Prepared) => HttpClient
