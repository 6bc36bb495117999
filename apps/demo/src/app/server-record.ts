/** What the sandbox's servers received, as lines of the log: the other side's word for it. */
import { createHmac, randomBytes } from 'node:crypto'
import type { ReceivedRequest, System } from '@grantkit/sandbox'
import type { NewLine } from './log.js'

/** Systems by the names the page calls them. */
export type NamedSystems = ReadonlyMap<System, string>

/**
 * Follows the records from here on. They tell nobody when they grow, so it has to be asked to look; requests still
 * without an answer wait for the next time.
 *
 * @param tell told of each request once, with the system that received it
 * @returns a function that tells of what came since
 */
export function followRecords(
  systems: readonly System[],
  tell: (request: ReceivedRequest, system: System) => void,
): () => void {
  const told = new WeakSet<ReceivedRequest>()
  for (const system of systems) for (const request of system.requests) told.add(request)
  return () => {
    for (const system of systems)
      for (const request of system.requests) {
        if (told.has(request) || (request.status === undefined && request.fault === undefined)) continue
        told.add(request)
        tell(request, system)
      }
  }
}

/** A request as a line of the log. */
export function lineOf(request: ReceivedRequest, place: string): NewLine {
  const { kind, method, path, status, fault, headers, clientCertificate } = request
  const token = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
  const details = [
    `${method} ${path}`,
    kind === 'token' && request.parameters.grant_type,
    token !== undefined && `token ${nameOf(token)}`,
    clientCertificate !== undefined && 'client certificate',
    fault !== undefined && 'made to fail',
  ]
  return {
    from: 'server',
    place,
    text: details.filter(detail => typeof detail === 'string').join(', '),
    outcome: status === undefined ? 'cut' : String(status),
    tone: toneOf(status),
    counted: kind === 'api',
  }
}

/** The tone of an HTTP status. */
export function toneOf(status: number | undefined): NewLine['tone'] {
  if (status === undefined || status >= 500) return 'bad'
  return status >= 400 ? 'warn' : 'good'
}

const key = randomBytes(32)

/** Tells tokens apart, in this process alone. */
function nameOf(token: string): string {
  return `#${createHmac('sha256', key).update(token).digest('hex').slice(0, 6)}`
}
