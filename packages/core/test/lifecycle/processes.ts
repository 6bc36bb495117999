/** Several processes in one: each has a store object of its own, and so all that core holds of it, on one backend. */
import {
  type Client,
  type ClientOptions,
  type Conform,
  clientCredentials,
  createTokenSource,
  createUserTokenSources,
  type GrantKitEvent,
  memoryStore,
  type TokenStore,
  type UserTokenSource,
} from '../../src/index.js'
import { type Answer, json, type Setup, setUp } from '../scripted-server.js'

/** What a test may put in the way of a process's store. */
type Interference = { readonly [operation in keyof TokenStore]?: TokenStore[operation] | undefined }

export interface Process {
  readonly client: Client
  readonly events: GrantKitEvent[]
  /** Of every process, since all write to one list. */
  readonly store: TokenStore & Record<string, unknown>
  readonly user: (subject?: string, scope?: string) => UserTokenSource
  readonly application: (scope?: string) => ReturnType<typeof createTokenSource>
  /** Its store fails from now on, or works again. */
  readonly disconnect: () => void
  readonly reconnect: () => void
}

export interface Machines extends Setup {
  readonly backend: TokenStore
  /** Starts another process. */
  readonly start: (options?: Partial<ClientOptions>, interference?: Interference) => Process
  /** Takes the leases away from whoever has them, as if they had run out. */
  readonly expireLeases: () => Promise<void>
}

let count = 0

export function machines(answer?: Answer, conform: Conform = {}): Machines {
  // cool-downs outlive a test, as they outlive a client
  const setup = setUp(answer, { clientId: `app-${++count}` }, conform)
  const memory = memoryStore()
  const leases = new Map<string, string>()
  const backend: TokenStore = {
    ...memory,
    async lease(key, holder, durationMs) {
      const granted = await memory.lease(key, holder, durationMs)
      if (granted) leases.set(key, holder)
      return granted
    },
  }
  return {
    ...setup,
    backend,
    async expireLeases() {
      for (const [key, holder] of leases) await memory.release(key, holder)
    },
    start(options = {}, interference = {}) {
      const events: GrantKitEvent[] = []
      const client = setup.another({ onEvent: event => void events.push(event), ...options })
      let connected = true
      const reach = { ...backend, ...interference, secrecy: 'elsewhere' } as TokenStore
      const reached = Object.entries(reach).map(([name, operation]) => [
        name,
        ['get', 'compareAndSet', 'delete', 'lease', 'release'].includes(name)
          ? async (...args: unknown[]) => {
              if (!connected) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
              return (operation as (...args: unknown[]) => unknown)(...args)
            }
          : operation,
      ])
      const store = Object.fromEntries(reached)
      return {
        client,
        events,
        store,
        user: (subject = 'alice', scope) => createUserTokenSources({ client, store, scope }).for(subject),
        application: scope => createTokenSource({ client, store, grant: clientCredentials({ scope }) }),
        disconnect: () => {
          connected = false
        },
        reconnect: () => {
          connected = true
        },
      }
    },
  }
}

/** Rotates `refresh-0` to `refresh-1` and so on; one that comes twice ends the family, as reuse detection has it. */
export function rotating(members: Readonly<Record<string, unknown>> = {}) {
  let current = 'refresh-0'
  let count = 0
  const seen: string[] = []
  const server: { readonly seen: readonly string[]; revoked: boolean; readonly answer: Answer } = {
    seen,
    revoked: false,
    answer: ({ form }) => {
      const sent = String(form.refresh_token)
      server.revoked ||= seen.includes(sent)
      seen.push(sent)
      if (server.revoked || sent !== current) return json(400, { error: 'invalid_grant' })
      current = `refresh-${++count}`
      const tokens = { access_token: `token-${count}`, refresh_token: current, token_type: 'Bearer' }
      return json(200, { ...tokens, expires_in: 3600, ...members })
    },
  }
  return server
}

export const accessTokenOf = async (user: { getTokenSet: UserTokenSource['getTokenSet'] }): Promise<string> =>
  (await user.getTokenSet()).accessToken

/** The token, or the code of the error. */
export const outcomeOf = (call: Promise<{ accessToken: string }>): Promise<string> =>
  call.then(
    ({ accessToken }) => accessToken,
    (error: { code: string }) => error.code,
  )
