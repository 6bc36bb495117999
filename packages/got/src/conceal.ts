/** Node's request holds the headers as text: it stays usable, but printing, JSON and loggers no longer meet them. */

/** Hides what a request is sent with, and the ways from it to a connection that may not have written it yet. */
export function concealRequest(request: unknown): void {
  if (!isObject(request)) return
  hide(request, ...Object.getOwnPropertySymbols(request), '_header', 'outputData', 'socket', 'parser', 'agent')
}

/** Agents of the caller's: their connections may hold what other requests have not sent yet. */
export function concealAgents(agents: object): void {
  for (const agent of Object.values(agents)) if (isObject(agent)) hide(agent, 'sockets')
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function hide(object: object, ...names: (string | symbol)[]): void {
  for (const name of names)
    if (Object.getOwnPropertyDescriptor(object, name)?.enumerable)
      Object.defineProperty(object, name, { enumerable: false })
}
