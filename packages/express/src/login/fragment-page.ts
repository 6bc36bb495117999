/** The page at the redirect URI that brings a fragment to the server, which no browser sends (OAuth 2.0 Multiple Response Types §2.1). */
import type { WebResponse } from '../middleware.js'
import { ownPage } from '../own-page.js'

/** The form field that holds the fragment. */
export const fragmentField = 'fragment'

/** What came is gone from the address bar and the history before it is posted. */
const script = `const { pathname, search, hash } = location
history.replaceState(null, '', pathname + search)
document.forms[0].elements.${fragmentField}.value = hash.slice(1)
document.forms[0].submit()`

const body = `<form method="post"><input type="hidden" name="${fragmentField}"></form>
<noscript>To go on, this page needs JavaScript.</noscript>`

/** Answers with the page: it runs this one script, and can send nothing anywhere but here. */
export function showFragmentPage(response: WebResponse): void {
  response.statusCode = 200
  response.end(ownPage(response, { title: 'Logging in', body, script, posts: true }))
}
