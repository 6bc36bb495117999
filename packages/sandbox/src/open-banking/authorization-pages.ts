/** What the account holder sees at the authorization endpoint: the login, the consent, and what went wrong. */
import type { Answer } from '../answer.js'
import { type Html, html, page } from '../html.js'
import { type Account, type AccountHolder, accountHolders } from './account-holders.js'
import type { Consent } from './consents.js'

/** The login; `failed` after a wrong password. */
export function loginPage(session: string, failed: boolean): Answer {
  return page({
    title: 'Log in',
    body: html`${failed ? html`<p class="alert" role="alert">That is not a username and its password.</p>` : ''}
<form method="post" action="/commonauth">
<input type="hidden" name="sessionDataKey" value="${session}">
<label>Username <input name="username" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p class="buttons"><button class="main">Log in</button></p>
</form>
<p class="quiet">This is a sandbox:</p>
<ul class="quiet">${accountHolders.map(holder => html`<li>${holder.username}, ${holder.password}</li>`)}</ul>`,
  })
}

/** What the consent page is about. */
export interface ConsentPage {
  readonly session: string
  readonly clientId: string
  readonly consent: Consent
  readonly holder: AccountHolder
  /** Where the answer goes. */
  readonly redirectUri: string
  /** After an approval without any account. */
  readonly incomplete: boolean
}

/** Which application asks, for what, for how long, and about which accounts. */
export function consentPage({ session, clientId, consent, holder, redirectUri, incomplete }: ConsentPage): Answer {
  const { origin } = new URL(redirectUri)
  return page({
    title: 'Share your account information?',
    formTarget: origin,
    body: html`<p>Hello ${holder.username}. The application <strong>${clientId}</strong> at ${origin} asks to see what you
hold with us.</p>
${incomplete ? html`<p class="alert" role="alert">Choose at least one account, or deny.</p>` : ''}
<h2>It may</h2>
<ul>${permissionsOf(consent)}</ul>
<p class="quiet">${periodOf(consent)}</p>
<form method="post" action="/oauth2/authorize">
<input type="hidden" name="sessionDataKeyConsent" value="${session}">
<fieldset><legend><h2>Of these accounts</h2></legend>${holder.accounts.map(choice)}</fieldset>
<p class="buttons">
<button class="main" name="consent" value="approve">Approve</button>
<button name="consent" value="deny">Deny</button>
</p>
</form>`,
  })
}

/** `ReadAccountsBasic` as words: "Read accounts basic". */
function permissionsOf({ permissions = ['ReadAccountsBasic'] }: Consent): Html[] {
  const words = (name: string) => name.replace(/(?<=[a-z])([A-Z])/g, capital => ` ${capital.toLowerCase()}`)
  return permissions.map(name => html`<li>${words(name)}</li>`)
}

function periodOf({ expiresAt, requested }: Consent): string {
  const day = (at: unknown) => String(at).slice(0, 10)
  const until = expiresAt === undefined ? 'Until you end it' : `Until ${day(new Date(expiresAt).toISOString())}`
  const { TransactionFromDateTime: from, TransactionToDateTime: to } = requested
  return from || to ? `${until}; transactions from ${day(from ?? 'the first')} to ${day(to ?? 'the last')}` : until
}

function choice({ AccountId, Nickname, AccountSubType }: Account): Html {
  return html`<label><input type="checkbox" name="accounts" value="${AccountId}" checked> ${Nickname} (${AccountSubType}),
${AccountId}</label>`
}

/** What the real server shows in place of a redirect: the application never hears of it. */
export function errorPage(error: string, description: string): Answer {
  const body = html`<p class="alert" role="alert">${description}</p>
<p class="quiet">Error: <code>${error}</code>. The application is told nothing; go back to it to begin anew.</p>`
  return page({ status: 400, title: 'This request cannot be answered', body })
}

/** Asked when nobody says whose session is to end. */
export function logoutPage(action: string): Answer {
  return page({
    title: 'Log out?',
    body: html`<form method="post" action="${action}">
<p class="buttons"><button class="main" name="consent" value="approve">Log out</button></p>
</form>`,
  })
}

/** The end, for a browser that goes nowhere from here. */
export function loggedOutPage(): Answer {
  return page({
    title: 'You are logged out',
    body: html`<p>What applications may do with your consent stays as it is.</p>`,
  })
}

/** An answer in the body of a form (`form_post`): sent on by a button, since the page has no script. */
export function formPostPage(redirectUri: string, parameters: Readonly<Record<string, string>>): Answer {
  const fields = Object.entries(parameters).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )
  return page({
    title: 'Back to the application',
    formTarget: new URL(redirectUri).origin,
    body: html`<form method="post" action="${redirectUri}">${fields}
<p class="buttons"><button class="main">Continue</button></p></form>`,
  })
}
