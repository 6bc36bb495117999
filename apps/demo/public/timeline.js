/** The picture of a card: tokens as bars, token requests as diamonds, calls as dots. Now is in the middle. */

const middle = { renewals: 9, tokens: 25, calls: 45 }
const barHeight = 14

/**
 * A picture that can be drawn anew when something happens, and moved as time goes by.
 *
 * @param {SVGElement} svg
 */
export function createTimeline(svg) {
  const moving = make('g', {})
  let drawn = { state: undefined, at: 0, width: 0 }

  function draw(state, now) {
    drawn = { state, at: now, width: svg.clientWidth }
    const { timeline, reachMs } = state
    const x = at => (drawn.width / 2) * (1 + (at - now) / reachMs)
    moving.replaceChildren(
      ...timeline.tokens.flatMap(token => barOf(token, x)),
      ...timeline.renewals.flatMap(renewal => markOf(renewal, x)),
      ...dotsOf(timeline.calls, x),
    )
    svg.replaceChildren(...axisOf(drawn.width, state), moving)
    svg.setAttribute('aria-label', describe(state, now))
    move(now)
  }

  function move(now) {
    const { state, at, width } = drawn
    if (state !== undefined)
      moving.setAttribute('transform', `translate(${((at - now) / state.reachMs) * (width / 2)})`)
  }

  new ResizeObserver(() => {
    if (drawn.state !== undefined && svg.clientWidth !== drawn.width) draw(drawn.state, Date.now())
  }).observe(svg)
  return { draw, move }
}

function axisOf(width, { reachMs }) {
  const minutes = reachMs / 60_000
  const label = (at, anchor, text) => make('text', { x: at, y: 64, 'text-anchor': anchor, class: 'axis' }, text)
  const line = at => make('path', { class: 'grid', d: `M${at} 2V53` })
  return [
    line(width / 4),
    line((3 * width) / 4),
    make('path', { class: 'now', d: `M${width / 2} 0V${middle.calls - 9}` }),
    label(0, 'start', `${minutes} min ago`),
    label(width / 2, 'middle', 'now'),
    label(width, 'end', `in ${minutes} min`),
  ]
}

/** From its coming to its end: the server's, if that came first, then striped to where the client lets go of it. */
function barOf({ from, until, endedAt, replacedAt }, x) {
  const last = Math.min(until, replacedAt ?? until)
  const good = Math.min(last, endedAt ?? last)
  const due = from + (until - from) / 2
  const parts = [bar('token', x(from), x(good))]
  if (good < last) parts.push(bar('token ended', x(good), x(last)))
  if (due < last)
    parts.push(make('path', { class: 'due', d: `M${x(due)} ${middle.tokens - barHeight / 2}v${barHeight}` }))
  return parts
}

function bar(name, from, to) {
  const width = Math.max(1, to - from - 1.5)
  return make('rect', { class: name, x: from, y: middle.tokens - barHeight / 2, width, height: barHeight, rx: 3 })
}

function markOf({ at, failure }, x) {
  const [left, y] = [x(at), middle.renewals]
  const d = failure === undefined ? `M${left} ${y - 6}l6 6-6 6-6-6z` : `M${left - 5} ${y - 5}l10 10m0-10l-10 10`
  return [make('path', { class: failure === undefined ? 'renewal' : 'renewal failed', d })]
}

/** Calls that would cover each other are one dot; a number stands beside it where there is room. */
function dotsOf(calls, x) {
  const dots = []
  for (const { at, count, failed } of calls) {
    const before = dots.at(-1)
    if (before !== undefined && before.failed === failed && x(at) - before.x < 6) before.count += count
    else dots.push({ x: x(at), count, failed })
  }
  return dots.flatMap((dot, index) =>
    dotOf(dot, index === dots.length - 1, dots[index - 1]?.x ?? Number.NEGATIVE_INFINITY),
  )
}

function dotOf({ x, count, failed }, isLast, before) {
  const [radius, y] = [3 + 2 * Math.log10(count), middle.calls]
  const dot = make('circle', { class: failed ? 'call failed' : 'call', cx: x, cy: y, r: radius, 'data-count': count })
  const number = (at, anchor, text) =>
    make('text', { class: 'calls-count', x: at, y: y + 4, 'text-anchor': anchor }, text)
  if (isLast) return [dot, number(x + radius + 5, 'start', counted(count, 'call'))]
  return count > 1 && x - before > 40 ? [dot, number(x - radius - 4, 'end', String(count))] : [dot]
}

/** The picture in words. */
function describe({ timeline: { tokens, renewals, calls }, reachMs }) {
  const failed = sum(calls.filter(one => one.failed))
  const told = [
    counted(tokens.length, 'token'),
    counted(renewals.length, 'token request') +
      renewals.map(({ why }, index) => `${index === 0 ? ': ' : '; '}${why}`).join(''),
    counted(sum(calls), 'call') + (failed > 0 ? `, ${failed} of them failed` : ''),
  ]
  return `The last ${reachMs / 60_000} minutes. ${told.join('. ')}.`
}

function sum(calls) {
  return calls.reduce((total, { count }) => total + count, 0)
}

function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function make(tag, attributes, text = '') {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.textContent = text
  return element
}
