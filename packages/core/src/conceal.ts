/**
 * What Node keeps of a request under way has its headers as text. It stays usable, but printing, JSON and loggers that walk
 * an object's members no longer meet it.
 */

/** Hides members of an object where it has them: they stay readable by name. What is no object has none. */
export function hide(object: unknown, ...names: readonly (string | symbol)[]): void {
  if (typeof object !== 'object' || object === null) return
  for (const name of names)
    if (Object.getOwnPropertyDescriptor(object, name)?.enumerable)
      Object.defineProperty(object, name, { enumerable: false })
}

/** Of Node's `ClientRequest`: what it is sent with, and the ways from it to a connection that may not have written it yet. */
export function concealRequest(request: unknown): void {
  const symbols = Object.getOwnPropertySymbols(Object(request))
  hide(request, ...symbols, '_header', 'outputData', 'socket', 'parser', 'agent')
}

const concealed = new WeakSet<object>()

/** Of an agent of Node's, the caller's own maybe: its connections hold the requests under way, and those that wait. */
export function concealAgent(agent: unknown): void {
  if (typeof agent !== 'object' || agent === null || concealed.has(agent)) return
  concealed.add(agent)
  hide(agent, 'sockets', 'freeSockets', 'requests')
}
