/** An authorization server and an API on loopback that refuse as a real one was seen to, and who asks them. */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import {
  authorizationCode,
  type Client,
  type Conform,
  createClient,
  createUserTokenSources,
  defineProvider,
  type GrantKitEvent,
  type UserTokenSource,
} from '../src/index.js'
import { listen } from './fixtures/servers.js'

export interface RecordedRefusal {
  /** The grant it answered, or `api` for a protected resource. */
  readonly to: 'refresh_token' | 'authorization_code' | 'client_credentials' | 'api'
  /** What was asked with. */
  readonly about: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Code and description, as the message has to show them. */
  readonly says?: string
  readonly becomes: string
}

type Recording = Readonly<Record<string, { readonly version: string; readonly refusals: readonly RecordedRefusal[] }>>

export const recording: Recording = JSON.parse(
  readFileSync(new URL('fixtures/recorded-refusals.json', import.meta.url), 'utf8'),
)

/** What is planted where a server or a log could show it. */
export const secrets = {
  clientSecret: 'mkr-secret',
  bad: 'mkr-refused',
  good: 'mkr-good',
  verifier: `mkr-${'v'.repeat(43)}`,
}
const redirectUri = 'https://app.example/callback'
let count = 0

/** An authorization server that refuses, as recorded, what `isRefused` names, and serves everything else; and an API. */
export async function scene(
  refusal: RecordedRefusal,
  isRefused: (form: URLSearchParams, basic: string) => boolean,
  { deadTokens = 0, conform = {} }: { readonly deadTokens?: number; readonly conform?: Conform } = {},
) {
  const asked: URLSearchParams[] = []
  let isMended = false
  const server = http.createServer(async (request, response) => {
    const form = new URLSearchParams(await textOf(request))
    asked.push(form)
    const basic = Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString()
    if (!isMended && isRefused(form, basic))
      return response.writeHead(refusal.status, refusal.headers).end(refusal.body)
    const number = asked.length
    const refreshToken = form.get('grant_type') !== 'client_credentials' && {
      refresh_token: `${secrets.good}-${number}`,
    }
    const body = { access_token: `mkr-token-${number}`, token_type: 'Bearer', expires_in: 3600, ...refreshToken }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const { port } = await listen(server)
  const events: GrantKitEvent[] = []
  let now = 1_760_000_000_000
  const issuer = `http://127.0.0.1:${port}`
  const metadata = { issuer, token_endpoint: `${issuer}/token` }
  const provider = defineProvider({ name: 'recorded', metadata, conform })
  const clientOf = (clientId: string) =>
    createClient({
      provider,
      clientId,
      clientSecret: secrets.clientSecret,
      clock: { now: () => now },
      onEvent: event => void events.push(event),
    })
  const client = clientOf(`app-${++count}`)
  const mend = () => {
    isMended = true
  }
  const advance = (milliseconds: number) => {
    now += milliseconds
  }
  return {
    client,
    another: clientOf(`another-${count}`),
    asked,
    events,
    mend,
    advance,
    userOf: usersOf(client),
    api: await apiOf(refusal, deadTokens),
  }
}

export type Scene = Awaited<ReturnType<typeof scene>>

/** A protected resource that takes every token but the first few. */
async function apiOf({ status, headers, body }: RecordedRefusal, deadTokens: number) {
  let received = 0
  const server = http.createServer((request, response) => {
    received++
    const number = Number(/mkr-token-(\d+)$/.exec(String(request.headers.authorization))?.[1])
    if (number <= deadTokens) response.writeHead(status, headers).end(body)
    else response.end('{}')
  })
  const { port } = await listen(server)
  return { url: `http://127.0.0.1:${port}/`, received: () => received }
}

async function textOf(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function usersOf(client: Client): (subject: string) => UserTokenSource {
  const users = createUserTokenSources({ client })
  return subject => users.for(subject)
}

export const codeOf = (code: string) => authorizationCode({ code, redirectUri, codeVerifier: secrets.verifier })
export const badScope = 'nobody:has'
export const isBad = (form: URLSearchParams) =>
  form.get('scope') === badScope || [...form.values()].some(value => value.startsWith(secrets.bad))
