/** Small things both pages do with elements, buttons and requests. */

export const byId = id => document.getElementById(id)

export function make(tag, className, text = '') {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}

export function strong(text) {
  return make('strong', '', text)
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

export function clockTime(at) {
  return new Date(at).toLocaleTimeString('en-GB')
}

export function countText(count) {
  return count > 1 ? `× ${count}` : ''
}

/** Runs an action once at a time; the button keeps its focus. */
export function act(button, run, show) {
  return async () => {
    if (button.getAttribute('aria-busy') === 'true') return
    button.setAttribute('aria-busy', 'true')
    try {
      show(await run())
    } catch {
      show(['The app did not answer. Is npm start still running?'])
    } finally {
      button.removeAttribute('aria-busy')
    }
  }
}

/** What the app answers, with the header of its own pages. */
export async function send(method, path, body) {
  const headers = { 'X-GrantKit-Demo': '1', ...(body && { 'Content-Type': 'application/json' }) }
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) })
  const { ok, status } = response
  return { ok, status, body: await response.json(), retryAfter: response.headers.get('Retry-After') }
}

/** Server-sent events, by name, for as long as the page is open; what is shown of the connection says whether they come. */
export function listen(handlers) {
  const events = new EventSource('/events')
  const connection = byId('connection')
  const show = (text, name) => {
    connection.textContent = text
    connection.className = `connection ${name}`
  }
  events.addEventListener('open', () => show('Live', 'open'))
  events.addEventListener('error', () => show('Connection lost. Is npm start still running?', 'lost'))
  events.addEventListener('start', ({ data }) => comeBack(JSON.parse(data)))
  for (const [name, handle] of Object.entries(handlers))
    events.addEventListener(name, ({ data }) => handle(JSON.parse(data)))
}

let knownStart

/** After `npm start` has been started again, nothing that is shown here is so any more. */
function comeBack(start) {
  knownStart ??= start
  if (knownStart !== start) location.reload()
}

/** `1:09` */
export function minutesText(second) {
  return `${Math.floor(second / 60)}:${String(second % 60).padStart(2, '0')}`
}
