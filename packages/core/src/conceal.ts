/**
 * What Node keeps of a request under way has its headers as text. It stays usable, but printing, JSON and loggers that walk
 * an object's members no longer meet it.
 */

/** Hides members of an object where it has them: they stay readable by name. What is no object has none. */
export function hide(object: unknown, ...names: readonly (string | symbol)[]): void {
  if (typeof object !== 'object' || object === null) return
  for (const name of names) if (isEnumerable.call(object, name)) Object.defineProperty(object, name, hidden)
}

/** Agents that show nothing: the way to them may stay. */
const concealed = new WeakSet<object>()

const isEnumerable = Object.prototype.propertyIsEnumerable
const hidden: PropertyDescriptor = { enumerable: false }

/**
 * Of Node's `ClientRequest`: what it is sent with, and the ways from it to a connection that may not have written it yet.
 * Of an answer that came in place of one: the ways to it.
 */
export function concealRequest(request: unknown): void {
  if (typeof request !== 'object' || request === null) return
  if (!('write' in request)) hide(request, 'req', 'socket', 'client')
  else hide(request, '_header', 'outputData', 'socket', 'parser', ...telling(request))
  if (!concealed.has((request as { readonly agent?: object }).agent ?? request)) hide(request, 'agent')
}

/** Each member that is hidden takes its time, so those that are a number or a truth value are left out. */
function telling(request: object): readonly symbol[] {
  return Object.getOwnPropertySymbols(request).filter(symbol => {
    const value = (request as Record<symbol, unknown>)[symbol]
    return typeof value === 'string' || (typeof value === 'object' && value !== null)
  })
}

/** Of an agent of Node's, the caller's own maybe: its connections hold the requests under way, and those that wait. */
export function concealAgent(agent: unknown): void {
  if (typeof agent !== 'object' || agent === null || concealed.has(agent)) return
  concealed.add(agent)
  hide(agent, 'sockets', 'freeSockets', 'requests')
}
