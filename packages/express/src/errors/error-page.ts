/** The page that tells a person what went wrong. */
import type { ServerResponse } from 'node:http'
import { escapeHtml, ownPage } from '../own-page.js'
import type { ProblemKind } from './problem.js'

/** What a page has to tell. Nothing of it is secret, and all of it can stand in HTML as it is. */
export interface Problem {
  /** What can be told apart, for words of your own. */
  readonly kind: ProblemKind
  /** Of the answer. */
  readonly status: number
  /** The error's `code`. */
  readonly code: string
  /** A few words for people, in English. */
  readonly title: string
  /** A sentence or two for people, in English. */
  readonly text: string
  /** Where a login begins anew, for a link; `undefined` where that would not help, or the app has no login route. */
  readonly loginUrl: string | undefined
  /** What the server said of a login that it refused, escaped for HTML; `undefined` where it said nothing. */
  readonly descriptionHtml: string | undefined
}

/**
 * An app's own page: returns its HTML, or answers by itself, as by `response.render('problem', problem)`. The status and
 * `Cache-Control: no-store` are set.
 */
export type ProblemPage = (problem: Problem, request: object, response: object) => unknown

const style = `body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}`

/** A small page that runs nothing, loads nothing and stands in no frame. */
export function plainPage({ title, text, loginUrl, descriptionHtml }: Problem, response: ServerResponse): string {
  const said = descriptionHtml === undefined ? '' : `\n<p>The server says: ${descriptionHtml}</p>`
  const link = loginUrl === undefined ? '' : `\n<p><a href="${escapeHtml(loginUrl)}">Log in</a></p>`
  return ownPage(response, { title, style, body: `<h1>${title}</h1>\n<p>${text}</p>${said}${link}` })
}
