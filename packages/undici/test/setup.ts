/** What most tests need: an API, its authorization server, and a dispatcher that knows both. */
import { type AuthorizationServer, authorizationServer, rejection as rejectionOf } from '@grantkit/testing'
import type { Agent, Dispatcher } from 'undici'
import { onTestFinished } from 'vitest'
import { type InterceptorsAround, type TokenOptions, withTokens } from '../src/index.js'
import type { Copy, Undici } from './copies.js'
import { type Handler, ok, type RecordingServer, recordingServer } from './recording-server.js'

export interface SetUp {
  readonly api: RecordingServer
  readonly server: AuthorizationServer
  readonly dispatcher: Dispatcher
  readonly undici: Undici
}

export async function setUp(
  { undici }: Copy,
  handler: Handler = ok,
  options: TokenOptions & InterceptorsAround = {},
): Promise<SetUp> {
  const [api, server] = [await recordingServer(handler), authorizationServer()]
  const dispatcher = withTokens<Dispatcher>(agentOf(undici), server.source, { origins: [api.origin], ...options })
  return { api, server, dispatcher, undici }
}

/** An agent, destroyed when its test ends. */
export function agentOf(undici: Undici, options?: Agent.Options): Agent {
  const agent = new undici.Agent(options)
  onTestFinished(() => agent.destroy())
  return agent
}

/** What a promise is rejected with. */
export const rejection = rejectionOf<Error & { code?: string; cause?: unknown }>

/** The `Authorization` headers received, in order. */
export function credentials({ requests }: RecordingServer): (string | undefined)[] {
  return requests.map(({ headers }) => headers.authorization)
}
