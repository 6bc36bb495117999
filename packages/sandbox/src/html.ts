/** Small HTML pages that work without script, under a policy that allows nothing else. */
import { createHash } from 'node:crypto'
import type { Answer } from './answer.js'

/** Markup that is safe to put into markup. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

type Part = Html | string | number | undefined | readonly Html[]

/** A template whose values are escaped, unless they are markup themselves. */
export function html(texts: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(texts.reduce((markup, text, index) => markup + encode(values[index - 1]) + text))
}

function encode(value: Part): string {
  if (value instanceof Html) return value.markup
  if (Array.isArray(value)) return value.map(encode).join('')
  return escapeHtml(String(value ?? ''))
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, character => entities[character] as string)
}

/** What a page is made of. */
export interface Page {
  readonly status?: number
  readonly title: string
  readonly body: Html
  /** Where its form may lead beside this server: browsers hold the redirect after a form to this list too. */
  readonly formTarget?: string | undefined
}

/** A page as an answer: styled, never framed, never kept. */
export function page({ status = 200, title, body, formTarget }: Page): Answer {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<p class="bank">Sandbox Bank</p>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`
  return { status, headers: { ...headers, 'content-security-policy': policy(formTarget) }, body: document.markup }
}

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

const style = `
:root { color-scheme: light dark }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; background: light-dark(#eef1f5, #14181d) }
main { box-sizing: border-box; max-width: 30rem; margin: 8vh auto; padding: 2rem; border-radius: .75rem;
  background: light-dark(#fff, #1f262e); box-shadow: 0 1px 4px #0003 }
h1 { margin: 0 0 1rem; font-size: 1.4rem; line-height: 1.25 }
h2 { margin: 1.5rem 0 .25rem; font-size: 1rem }
.bank { margin: 0; font-weight: 600; color: light-dark(#0b6b4f, #56c79f) }
.alert { padding: .5rem .75rem; border-radius: .375rem; background: light-dark(#fde8e6, #4a1f1b) }
.quiet { color: light-dark(#566, #9ab) }
ul { margin: 0; padding-left: 1.25rem }
label { display: block; margin: .5rem 0 }
fieldset { margin: 0; padding: 0; border: 0 }
input:not([type=checkbox]) { margin-top: .25rem; box-sizing: border-box; width: 100%; padding: .5rem; font: inherit }
.buttons { display: flex; gap: .75rem; margin-top: 1.5rem }
button { flex: 1; padding: .6rem 1rem; border: 1px solid light-dark(#0b6b4f, #56c79f); border-radius: .375rem;
  font: inherit; cursor: pointer; color: inherit; background: none }
button.main { color: #fff; background: #0b6b4f }
:focus-visible { outline: 3px solid #2f80ed; outline-offset: 2px }
`

const styleHash = createHash('sha256').update(style).digest('base64')

function policy(formTarget = ''): string {
  const directives = [
    `default-src 'none'`,
    `style-src 'sha256-${styleHash}'`,
    `form-action 'self' ${formTarget}`.trim(),
    `frame-ancestors 'none'`,
    `base-uri 'none'`,
  ]
  return directives.join('; ')
}
