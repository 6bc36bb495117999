/** oidc-provider with refresh token rotation and reuse detection, which takes its time and tells what it knows. */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import Provider, { type KoaContextWithOIDC } from 'oidc-provider'
import { workerHeader } from '../worker/instruments.js'
import { Ledger } from './ledger.js'
import { neverForgettingAdapter } from './never-forgetting-adapter.js'

export interface AuthorizationServerOptions {
  /** How long access tokens live, in seconds. */
  readonly accessTokenSeconds: number
  /** How long a token request is held at most, before and after it is processed together, in milliseconds. */
  readonly mostDelayMs: number
}

/** Where it is, and who may call it. */
export interface AuthorizationServerAddress {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
}

/** Where to hold a request: in the queue, or with the answer ready. */
export type HoldAt = 'before' | 'after'

export interface AuthorizationServer {
  readonly address: AuthorizationServerAddress
  readonly ledger: Ledger
  /** Logs a user in, without the page: a refresh token. */
  logIn(subject: string): Promise<string>
  /** Holds the next token request of a worker until its connection breaks; resolves when it is there. */
  hold(worker: string, at: HoldAt): Promise<void>
}

const clientId = 'stress'
const clientSecret = 'a secret of this run alone'
const scope = 'offline_access accounts'

export async function startAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const server = createServer({ keepAliveTimeout: 60_000 })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ledger = new Ledger(options.accessTokenSeconds * 1000)
  const provider = makeProvider(issuer, options)
  const held = new Map<string, { readonly at: HoldAt; readonly arrived: () => void }>()
  provider.on('grant.revoked', (_, grantId) => ledger.revoked(grantId))

  provider.use(async (ctx: KoaContextWithOIDC, next) => {
    const worker = ctx.get(workerHeader)
    const delay = splitDelay(options.mostDelayMs)
    const pause = async (at: HoldAt) => {
      if (held.get(worker)?.at !== at) return wait(delay[at])
      held.get(worker)?.arrived()
      await broken(ctx.req)
    }
    await pause('before')
    // nobody is left to answer: it is as if it had been lost on its way
    if (ctx.req.destroyed) return
    await next()
    record(ledger, worker, ctx)
    await pause('after')
  })
  const answer = provider.callback()
  server.on('request', (request, response) =>
    request.url === '/alive' ? tellWhetherAlive(ledger, request, response) : answer(request, response),
  )

  return {
    address: { issuer, clientId, clientSecret },
    ledger,
    logIn: subject => logIn(provider, ledger, subject),
    hold: (worker, at) => new Promise(arrived => held.set(worker, { at, arrived })),
  }
}

function makeProvider(issuer: string, { accessTokenSeconds }: AuthorizationServerOptions): Provider {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return new Provider(issuer, {
    adapter: neverForgettingAdapter(),
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: ['https://app.example/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
    scopes: ['offline_access', 'accounts'],
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ['not used here'] },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'server', alg: 'ES256', use: 'sig' }] as never },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: accessTokenSeconds, RefreshToken: 86_400, Grant: 86_400 },
  })
}

/** Part of the delay before, the rest after; all of it at one end as often as not. */
function splitDelay(mostMs: number): Readonly<Record<HoldAt, number>> {
  const ms = Math.random() * mostMs
  const share = Math.min(Math.max(Math.random() * 2 - 0.5, 0), 1)
  return { before: ms * share, after: ms * (1 - share) }
}

function broken(request: IncomingMessage): Promise<void> {
  return new Promise(resolve => request.socket.once('close', () => resolve()))
}

function record(ledger: Ledger, worker: string, { oidc, status }: KoaContextWithOIDC): void {
  const { refresh_token: refreshToken } = oidc?.params ?? {}
  if (typeof refreshToken !== 'string') return
  const { RefreshToken, AccessToken, Grant } = oidc.entities as Readonly<Record<string, { readonly jti: string }>>
  const isGranted = status === 200 && RefreshToken && AccessToken && Grant
  const issued = isGranted && { family: Grant.jti, refreshToken: RefreshToken.jti, accessToken: AccessToken.jti }
  ledger.redeemed(refreshToken, worker, issued || undefined)
}

async function logIn(provider: Provider, ledger: Ledger, subject: string): Promise<string> {
  const grant = new provider.Grant({ clientId, accountId: subject })
  grant.addOIDCScope(scope)
  const grantId = await grant.save()
  const token = new provider.RefreshToken({
    client: (await provider.Client.find(clientId)) as never,
    accountId: subject,
    grantId,
    gty: 'authorization_code',
    scope,
    authTime: Math.floor(Date.now() / 1000),
    iiat: Math.floor(Date.now() / 1000),
    jti: randomUUID(),
  } as never)
  const refreshToken = await token.save()
  ledger.begin(grantId, subject, refreshToken)
  return refreshToken
}

/** An API of a kind: whether the token was good when the caller got it. */
function tellWhetherAlive(ledger: Ledger, { headers }: IncomingMessage, response: ServerResponse): void {
  const accessToken = headers.authorization?.replace('Bearer ', '') ?? ''
  const verdict = ledger.verdict(accessToken, Number(headers['x-got-at']))
  response.writeHead(verdict === 'alive' ? 200 : 401, { 'content-type': 'text/plain' }).end(verdict)
}
