/** Where a request of got's goes. */
import { leadsToSocket } from '@grantkit/core/kit'
import type { Options } from './got-like.js'

/** Whether it goes to a socket of this machine: by an agent's option, or by the host that got takes for a sign. */
export function isSocket({ agent, url = 'unix:', enableUnixSockets }: Options): boolean {
  const { protocol, hostname } = parsed(url)
  const isNamed = protocol === 'unix:' || (hostname === 'unix' && enableUnixSockets === true)
  return isNamed || leadsToSocket(agent.http, agent.https, agent.http2)
}

export function isHttps({ url = 'unix:' }: Options): boolean {
  return parsed(url).protocol === 'https:'
}

function parsed(url: string | URL): URL {
  return typeof url === 'string' ? new URL(url) : url
}
