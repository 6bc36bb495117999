/** The sequence drawing: one row for each step, an arrow between its lanes, and words beside it. */
import { byId, clockTime, countText, make, setText } from './elements.js'

const lanes = { browser: 'Browser', app: 'App', server: 'Authorization server', api: 'API' }
const order = Object.keys(lanes)
const most = 200

/** @type {Map<number, HTMLElement>} */
const rows = new Map()
/** Up to which step the reader has cleared, also over the way to the bank and back; of this run of the program. */
let cleared = { start: undefined, upTo: 0 }

/** Adds what is new, counts up what is known, and stays at the end where the reader was at the end. */
export function showSteps(steps) {
  const scroll = byId('drawing')
  const follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40
  for (const step of steps) showStep(step)
  while (rows.size > most) remove(rows.keys().next().value)
  byId('empty').hidden = rows.size > 0
  if (follows) scroll.scrollTop = scroll.scrollHeight
}

/** What was cleared in this tab stays so, unless the program has been started again since. */
export function rememberCleared(start) {
  const kept = JSON.parse(sessionStorage.getItem('cleared') ?? '{}')
  cleared = kept.start === start ? kept : { start, upTo: 0 }
}

export function clearSteps() {
  cleared.upTo = Math.max(cleared.upTo, ...rows.keys())
  sessionStorage.setItem('cleared', JSON.stringify(cleared))
  for (const id of [...rows.keys()]) remove(id)
  byId('empty').hidden = false
}

function showStep(step) {
  if (step.id <= cleared.upTo) return
  const known = rows.get(step.id)
  if (known !== undefined) return setText(known.querySelector('.count'), countText(step.count))
  const row = rowOf(step)
  rows.set(step.id, row)
  byId('steps').append(row)
}

function rowOf({ at, from, to, title, detail, outcome, tone, count, begins }) {
  const row = make('li', `step ${tone}${begins ? ' begins' : ''}`)
  const track = make('div', 'track')
  track.setAttribute('aria-hidden', 'true')
  const arrow = make('span', order.indexOf(to) > order.indexOf(from) ? 'arrow right' : 'arrow left')
  Object.assign(arrow.dataset, { from, to })
  track.append(arrow)
  const said = make('div', 'said')
  said.append(make('span', 'hidden', `${lanes[from]} to ${lanes[to]}: `), make('strong', 'title', title))
  said.append(make('span', 'count', countText(count)), make('span', 'outcome', outcome ?? ''))
  said.append(make('span', 'detail', detail))
  row.append(track, said)
  row.title = clockTime(at)
  return row
}

function remove(id) {
  rows.get(id)?.remove()
  rows.delete(id)
}
