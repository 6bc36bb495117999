/** Every axios the tests run with: newest and lowest, from `import` and `require`, by either adapter. */
import { createRequire } from 'node:module'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  authorizationServer,
  rejection as rejectionOf,
} from '@grantkit/testing'
import newest, { type AxiosError, type AxiosInstance, type AxiosRequestConfig, type AxiosStatic } from 'axios'
import lowest from 'axios-lowest'
import { type AttachTokenSourceOptions, attachTokenSource } from '../src/index.js'
import { type Handler, ok, type RecordingServer, recordingServer } from './recording-server.js'

export interface TestedClient {
  readonly name: string
  readonly axios: AxiosStatic
  readonly adapter: 'http' | 'fetch'
}

const required: AxiosStatic = createRequire(import.meta.url)('axios')

const copies = { newest, 'newest by require()': required, lowest: lowest as unknown as AxiosStatic }

export const clients: readonly TestedClient[] = Object.entries(copies).flatMap(([name, axios]) =>
  (['http', 'fetch'] as const).map(adapter => ({ name: `axios ${name}, ${adapter}`, axios, adapter })),
)

export interface SetupOptions extends AttachTokenSourceOptions, Omit<AuthorizationServerOptions, 'origins'> {
  readonly config?: AxiosRequestConfig
}

export interface Setup {
  readonly api: RecordingServer
  readonly server: AuthorizationServer
  readonly instance: AxiosInstance
  readonly detach: () => void
}

/** An API, an authorization server, and an instance that knows both. */
export async function setUp(client: TestedClient, handler: Handler = ok, options: SetupOptions = {}): Promise<Setup> {
  const { name, conform, config, ...attachOptions } = options
  const api = await recordingServer(handler)
  const server = authorizationServer({ ...(name && { name }), ...(conform && { conform }) })
  const instance = client.axios.create({ baseURL: api.origin, adapter: client.adapter, proxy: false, ...config })
  const detach = attachTokenSource(instance, server.source, attachOptions)
  return { api, server, instance, detach }
}

/** What a promise is rejected with. */
export const rejection = rejectionOf<AxiosError>

/** The `Authorization` headers received, in order. */
export function credentials({ requests }: RecordingServer): (string | undefined)[] {
  return requests.map(({ headers }) => headers.authorization)
}
