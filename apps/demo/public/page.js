/** The page: draws what `/events` tells, and turns buttons into requests. */
import { act, byId, clockTime, countText, listen, make, minutesText, send, setText, strong } from './elements.js'
import { createTimeline } from './timeline.js'

/** @type {Map<number, { state: object, element: HTMLElement, timeline: object, shownSecond?: number, isDrawn?: boolean }>} */
const cards = new Map()
/** @type {Map<number, HTMLElement>} */
const lines = new Map()

listen({ cards: states => states.forEach(showCard), log: showLines })
setInterval(tick, 500)
for (const id of ['log', 'by-hand', 'with-grantkit']) byId(id).tabIndex = 0 // they scroll, so the keyboard has to reach them
byId('clear').addEventListener('click', clearLog)
countLines()

/** The two ways are compared by what they take. */
function countLines() {
  for (const element of document.querySelectorAll('[data-lines]')) {
    const lines = byId(element.dataset.lines).textContent.split('\n')
    element.textContent = `${lines.filter(line => line.trim() !== '').length} lines`
  }
}

// Cards

function showCard(state) {
  const card = cards.get(state.row) ?? makeCard(state)
  if (card.state.outageUntil !== undefined && state.outageUntil === undefined)
    announce(card, [`${state.tokenServer} works again.`])
  card.state = state
  card.shownSecond = undefined
  if (card.isDrawn !== false) requestAnimationFrame(() => drawTimeline(card))
  card.isDrawn = false
  setText(card.element.querySelector('[data-fact="renewal"]'), renewalText(state))
  setText(card.element.querySelector('[data-fact="requests"]'), String(state.tokenRequests))
  drawTime(card)
}

/** Once for all that happened since the last picture. */
function drawTimeline(card) {
  card.isDrawn = true
  card.timeline.draw(card.state, Date.now())
}

function makeCard(state) {
  const { row, system, grant, authentication, clients } = state
  const element = byId('card').content.firstElementChild.cloneNode(true)
  const find = selector => element.querySelector(selector)
  find('.number').textContent = row
  find('h3').textContent = system
  find('h3').id = `card-${row}`
  find('article').setAttribute('aria-label', `Card ${row}: ${system}, ${grant}`)
  find('[data-fact="grant"]').textContent = grant
  find('[data-fact="authentication"]').textContent = authentication
  find('.bar').setAttribute('aria-label', `Time left of token ${row}`)
  const card = { state, element, timeline: createTimeline(find('.timeline')) }
  const show = text => {
    find('.result').replaceChildren(...text)
    announce(card, text)
  }
  find('.result').textContent = 'Nothing called yet.'
  for (const client of clients) {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = client
    nameByCard(button, state)
    button.addEventListener(
      'click',
      act(button, () => callThrough(client, row), show),
    )
    find('.calls').append(button)
  }
  for (const [name, run] of Object.entries({ burst, expire, fail })) {
    const button = find(`[data-act="${name}"]`)
    nameByCard(button, state)
    button.addEventListener(
      'click',
      act(button, () => run(row), show),
    )
  }
  byId('cards').append(element)
  cards.set(row, card)
  return card
}

/** Six cards have the same buttons: a name that is heard without what stands around it has to say whose it is. */
function nameByCard(button, { row, system }) {
  button.setAttribute('aria-label', `${button.textContent}, card ${row}: ${system}`)
}

/** Says a result to those who do not see it, with the card it belongs to. */
function announce({ state: { row, system } }, text) {
  byId('announcement').replaceChildren(`Card ${row}, ${system}: `, ...text.map(part => part.cloneNode?.(true) ?? part))
}

function renewalText({ lastRenewal }) {
  if (lastRenewal === undefined) return 'none yet'
  const { at, why, grantType, durationMs, failure } = lastRenewal
  const how = failure === undefined ? `${grantType}, ${durationMs} ms` : `failed with ${failure}`
  return `${clockTime(at)}, ${why} (${how})`
}

function tick() {
  for (const card of cards.values()) {
    drawTime(card)
    card.timeline.move(Date.now())
  }
}

function drawTime(card) {
  const { state, element } = card
  const leftMs = Math.max(0, (state.expiresAt ?? 0) - Date.now())
  const second = Math.ceil(leftMs / 1000)
  const share = Math.min(1, leftMs / state.lifetimeMs)
  const bar = element.querySelector('.bar')
  bar.classList.toggle('ended', state.endedAtServer)
  bar.firstElementChild.style.transform = `translateX(${(share - 1) * 100}%)`
  setText(element.querySelector('.left'), leftText(state, second))
  drawState(element.querySelector('.state'), state, leftMs)
  // said in steps: a reader that follows the value would never stop
  if (card.shownSecond !== undefined && Math.abs(card.shownSecond - second) < 10 && second > 0) return
  card.shownSecond = second
  bar.setAttribute('aria-valuenow', String(Math.round(share * 100)))
  bar.setAttribute('aria-valuetext', second === 0 ? 'no token' : `${second} seconds left`)
}

function leftText({ endedAtServer }, second) {
  if (second === 0) return 'none'
  const time = minutesText(second)
  return endedAtServer ? `${time} as the client knows it` : time
}

function drawState(element, state, leftMs) {
  const outageMs = (state.outageUntil ?? 0) - Date.now()
  const [text, tone] = stateOf(state, leftMs)
  const seconds = Math.max(1, Math.ceil(outageMs / 1000))
  const outage = state.outageUntil === undefined ? '' : ` · ${state.tokenServer} fails for ${seconds} s`
  setText(element, text + outage)
  element.className = `state ${outage === '' ? tone : 'bad'}`
}

function stateOf({ isRenewing, endedAtServer, expiresAt }, leftMs) {
  if (isRenewing) return ['Renewing', '']
  if (endedAtServer && leftMs > 0) return ['Ended at the server, client not told', 'warn']
  if (expiresAt === undefined) return ['No token yet', '']
  return leftMs > 0 ? ['Token held', 'good'] : ['Its token has ended', 'warn']
}

// Buttons

async function callThrough(client, row) {
  const answer = await post(`/cards/${row}/calls/${client}`)
  if (answer.ok) return [strong(`${client}: ${answer.body.status}`), ` in ${answer.body.durationMs} ms`]
  const again = answer.retryAfter ? `; worth trying again in ${answer.retryAfter} s` : ''
  return [strong(`${client}: no token`), `, ${answer.body.error}${again}`]
}

async function burst(row) {
  const { body } = await post(`/cards/${row}/burst`)
  const outcomes = Object.entries(body.outcomes).map(([outcome, count]) => `${count} × ${outcome}`)
  const requests = `${body.tokenRequests} token ${body.tokenRequests === 1 ? 'request' : 'requests'}`
  return [`${outcomes.join(', ')} in ${body.durationMs} ms, with `, strong(requests)]
}

async function expire(row) {
  const { body } = await post(`/cards/${row}/expire`)
  if (!body.ended) return ['No token is held, so there is none to end. Call the API first.']
  return [strong('The server ended the token.'), ' The client finds out at its next call.']
}

async function fail(row) {
  await post(`/cards/${row}/fail`)
  const { tokenServer } = cards.get(row).state
  return [strong(`${tokenServer}: its token endpoint answers 503 for 10 s.`), ' A token that is held still serves.']
}

function post(path) {
  return send('POST', path)
}

// Log

function showLines(entries) {
  const scroll = byId('log')
  const follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40
  for (const entry of entries) showLine(entry)
  while (lines.size > 300) removeLine(lines.keys().next().value)
  byId('empty').hidden = lines.size > 0
  showLatest()
  if (follows) scroll.scrollTop = scroll.scrollHeight
}

function showLine({ id, at, from, place, text, outcome, tone, count }) {
  if (id <= clearedUpTo) return
  const known = lines.get(id)
  if (known !== undefined) return setText(known.querySelector('.count'), countText(count))
  const line = make('div', `line ${tone}`)
  const who = make('span', 'who')
  who.append(make('span', `from from-${from}`, from))
  const time = make('time', '', clockTime(at))
  time.dateTime = new Date(at).toISOString()
  const said = make('span', 'text', text)
  said.append(make('span', 'count', countText(count)))
  line.append(who, make('span', 'place', place), time, said, make('span', 'outcome', outcome ?? ''))
  lines.set(id, line)
  byId('log').append(line)
}

/** Where the log is out of view, its newest line is not. */
function showLatest() {
  const newest = [...lines.values()].at(-1)
  byId('latest').replaceChildren(...(newest === undefined ? [] : [...newest.cloneNode(true).childNodes]))
  byId('latest').className = newest === undefined ? 'latest' : `latest ${newest.className}`
}

let clearedUpTo = 0

function clearLog() {
  clearedUpTo = Math.max(clearedUpTo, ...lines.keys())
  for (const id of [...lines.keys()]) removeLine(id)
  showLatest()
  byId('empty').hidden = false
}

function removeLine(id) {
  lines.get(id)?.remove()
  lines.delete(id)
}
