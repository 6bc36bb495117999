/** Every got the tests run with: the newest of each major, and the lowest. */
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  authorizationServer,
  rejection as rejectionOf,
} from '@grantkit/testing'
import newest, { type ExtendOptions, type Got, type RequestError } from 'got'
import got15 from 'got-15'
import got16 from 'got-16'
import lowest from 'got-lowest'
import { type TokenHooksOptions, tokenHooks } from '../src/index.js'
import { type Handler, ok, type RecordingServer, recordingServer } from './recording-server.js'

export interface TestedClient {
  readonly name: string
  readonly got: Got
  /** Joins absolute URLs to `prefixUrl` too: before 14.6, unless it is emptied. */
  readonly joinsAbsolute: boolean
}

const majors = { 'got 14.4.3': lowest, 'got 14': newest, 'got 15': got15, 'got 16': got16 }

export const clients: readonly TestedClient[] = Object.entries(majors).map(([name, got]) => ({
  name,
  // their types differ where the tests do not look
  got: got as unknown as Got,
  joinsAbsolute: name === 'got 14.4.3',
}))

export interface SetupOptions extends TokenHooksOptions, Omit<AuthorizationServerOptions, 'origins'> {
  readonly config?: ExtendOptions
}

export interface Setup {
  readonly api: RecordingServer
  readonly server: AuthorizationServer
  readonly instance: Got
}

/** An API, an authorization server, and an instance that knows both. got's own retries are off. */
export async function setUp(client: TestedClient, handler: Handler = ok, options: SetupOptions = {}): Promise<Setup> {
  const { name, conform, config, ...hooksOptions } = options
  const api = await recordingServer(handler)
  const server = authorizationServer({ ...(name && { name }), ...(conform && { conform }) })
  const hooks = tokenHooks(server.source, { origins: [api.origin], ...hooksOptions })
  const prefixUrl = `${api.origin}/`
  const instance = client.got.extend({ prefixUrl, retry: { limit: 0 }, ...config }, hooks) as Got
  return { api, server, instance }
}

/** What a promise is rejected with. */
export const rejection = rejectionOf<RequestError>

/** The `Authorization` headers received, in order. */
export function credentials({ requests }: RecordingServer): (string | undefined)[] {
  return requests.map(({ headers }) => headers.authorization)
}
