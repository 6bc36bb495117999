/** What a visitor is shown where a login comes to nothing, in the look of the other pages. */
import type { Problem } from '@grantkit/express'

/** All that a problem holds can stand in HTML as it is. */
export function problemPage({ kind, title, text, descriptionHtml }: Problem): string {
  const said = descriptionHtml === undefined ? '' : `<p class="hint">The bank says: ${descriptionHtml}</p>`
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/page.css">
    <link rel="stylesheet" href="/bank.css">
  </head>
  <body class="problem">
    <main>
      <article>
        <h1>${title}</h1>
        <p>${reasons[kind] ?? text}</p>
        ${said}
        <p class="ways">
          <a class="button primary" href="/bank/login?returnTo=%2Fbank">Log in at the bank</a>
          <a href="/bank">Back to the steps</a>
        </p>
      </article>
    </main>
  </body>
</html>
`
}

/** Where more is known here than in any app. */
const reasons: Readonly<Partial<Record<Problem['kind'], string>>> = {
  denied: 'The customer has denied the consent. The app has no token, and the bank has noted the consent as rejected.',
  login_over:
    'This answer belongs to no login that is under way in this browser: it was begun too long ago, or it was finished before. ' +
    'Whoever is logged in still is.',
}
