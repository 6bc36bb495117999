/** The bank page: who is logged in, what they see, and the drawing of how it came about. */
import { act, byId, listen, make, minutesText, send, setText, strong } from './elements.js'
import { clearSteps, rememberCleared, showSteps } from './sequence.js'

/** Who is logged in: `undefined` until the app has said, `null` for nobody. */
let user
/** Whether a session is there whose tokens have come to their end. */
let isOver = false
/** When the access token ends on this machine's clock, and how long such tokens live; `undefined` before it was used. */
let token
let endedAtServer = false
let shownSecond

listen({ start: rememberCleared, steps: showSteps })
setInterval(drawTime, 500)
byId('drawing').tabIndex = 0 // it scrolls, so the keyboard has to reach it
byId('clear').addEventListener('click', clearSteps)
for (const [id, run] of Object.entries({ accounts, burst, expire, withdraw }))
  byId(id).addEventListener('click', act(byId(id), run, show))
byId('logout').addEventListener('submit', event => {
  event.preventDefault()
  leave()
})
// another tab, or the way back, may have changed it
addEventListener('pageshow', ({ persisted }) => persisted && look())
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && look())
begin()

/** Who comes back from the bank wants to see what it was for, or that they have logged out. */
async function begin() {
  await look()
  const said = sessionStorage.getItem('said')
  sessionStorage.removeItem('said')
  if (user) act(byId('accounts'), accounts, show)()
  else if (said !== null) show([strong(said)])
}

/** An app that does not answer is told of beside the page's name. */
async function look() {
  const answer = await send('GET', '/bank/session').catch(() => undefined)
  if (answer?.ok) drawUser(answer.body.user)
}

function drawUser(next) {
  if (JSON.stringify(next) === JSON.stringify(user)) return
  user = next
  isOver = false
  token = undefined
  endedAtServer = false
  byId('list').replaceChildren()
  setText(byId('subject'), user?.subject ?? '')
  setText(byId('consent'), user?.consentId ?? '')
  drawDoors()
}

function drawDoors() {
  const isIn = user !== null && !isOver
  byId('outside').hidden = isIn
  byId('inside').hidden = !isIn
  drawTime()
}

// Buttons

async function accounts() {
  const answer = await send('GET', '/bank/accounts')
  if (!answer.ok) return refused(answer)
  keepToken(answer.body)
  byId('list').replaceChildren(...answer.body.accounts.map(accountOf))
  const { length } = answer.body.accounts
  return [strong(`${length} ${length === 1 ? 'account' : 'accounts'}`), ', with the customer’s token.']
}

function accountOf({ AccountId, AccountSubType, Nickname }) {
  const item = make('li', '')
  item.append(strong(Nickname), make('span', '', AccountSubType), make('code', '', AccountId))
  return item
}

/** As a page full of widgets does: each asks for itself. */
async function burst() {
  const answers = await Promise.all(Array.from({ length: 20 }, () => send('GET', '/bank/accounts')))
  const refusal = answers.find(({ ok }) => !ok)
  if (refusal !== undefined) return refused(refusal)
  keepToken(answers.at(-1).body)
  return [strong('20 × 200'), '. The drawing shows how often the token was renewed for them.']
}

function expire() {
  const ended = strong('The server ended the access token.')
  return endAtServer('expire', ended, ' The app finds out at its next call, and renews it.')
}

function withdraw() {
  return endAtServer('withdraw', strong('The consent has ended at the bank.'), ' The app finds out at its next call.')
}

/** What the server does by itself, and the app is not told of. */
async function endAtServer(what, ...said) {
  const answer = await send('POST', `/bank/${what}`)
  if (!answer.ok) return refused(answer)
  endedAtServer = true
  drawTime()
  return said
}

function refused({ body }) {
  if (body.error !== 'ERR_LOGIN_REQUIRED')
    return [strong(`No answer from the bank (${body.error}).`), ' Try again in a moment.']
  isOver = true
  drawDoors()
  byId('login').focus()
  return [strong('The login is over.'), ' The customer has to log in again.']
}

const leave = act(byId('leave'), logOut, show)

/** The consent first, which takes who it is of; then the session here; then, if wished, the one at the bank. */
async function logOut() {
  const { deleteConsent, atBank } = byId('logout').elements
  if (deleteConsent.checked) await send('DELETE', '/bank/consent')
  const { ok, body } = await send('POST', '/bank/logout')
  if (!ok) return refused({ body })
  if (atBank.checked) {
    sessionStorage.setItem('said', 'Logged out, here and at the bank.')
    location.assign(body.redirectTo)
    return ['On the way to the bank.']
  }
  await look()
  byId('login').focus()
  return [strong('Logged out here.'), ' The bank still knows this browser: the next login asks for no password.']
}

/** Says it to those who do not see it, too. */
function show(text) {
  byId('result').replaceChildren(...text)
  byId('announcement').replaceChildren(...text.map(part => part.cloneNode?.(true) ?? part))
}

// Time

function keepToken({ leftMs, lifetimeMs }) {
  token = { endsAt: Date.now() + leftMs, lifetimeMs }
  endedAtServer = false
  drawTime()
}

function drawTime() {
  const leftMs = Math.max(0, (token?.endsAt ?? 0) - Date.now())
  const second = Math.ceil(leftMs / 1000)
  const share = token === undefined ? 0 : Math.min(1, leftMs / token.lifetimeMs)
  const [text, tone] = stateOf(leftMs)
  setText(byId('state'), text)
  byId('state').className = `state ${tone}`
  setText(byId('left'), second === 0 ? 'none' : minutesText(second))
  const bar = byId('bar')
  bar.classList.toggle('ended', endedAtServer)
  bar.firstElementChild.style.transform = `translateX(${(share - 1) * 100}%)`
  // said in steps: a reader that follows the value would never stop
  if (shownSecond !== undefined && Math.abs(shownSecond - second) < 10 && second > 0) return
  shownSecond = second
  bar.setAttribute('aria-valuenow', String(Math.round(share * 100)))
  bar.setAttribute('aria-valuetext', second === 0 ? 'no token' : `${second} seconds left`)
}

function stateOf(leftMs) {
  if (user === undefined) return ['Looking', '']
  if (user === null) return ['Nobody is logged in', '']
  if (isOver) return ['The login is over', 'warn']
  if (endedAtServer) return ['Ended at the server, app not told', 'warn']
  if (token === undefined) return ['Logged in', 'good']
  return leftMs > 0 ? ['Logged in, token held', 'good'] : ['Logged in, token over', 'warn']
}
