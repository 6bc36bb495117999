/** A server that signs: keys, their set at `jwks_uri`, ID tokens as they should be, and a client of it. */
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { CompactEncrypt, CompactSign } from 'jose'
import {
  type Client,
  type ClientOptions,
  createClient,
  defineProvider,
  type ProviderDefinition,
  type TransportResponse,
} from '../src/index.js'
import { json, start } from './scripted-server.js'

/** A key of the server's: private, and as its set has it. */
export interface ServerKeyPair {
  readonly alg: string
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>
}

type KeyMembers = { readonly modulusLength?: number } & Readonly<Record<string, unknown>>

/** A new key for an algorithm; `members` are added to it in the set, or with `undefined` taken out. */
export function keyFor(alg: string, { modulusLength = 2048, ...members }: KeyMembers = {}): ServerKeyPair {
  const { privateKey, publicKey } = pairFor(alg, modulusLength)
  const kid = String(members.kid ?? randomUUID())
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig', ...members }
  return { alg, kid, privateKey, jwk: JSON.parse(JSON.stringify(jwk)) }
}

function pairFor(alg: string, modulusLength: number) {
  const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }
  if (alg.startsWith('ES')) return generateKeyPairSync('ec', { namedCurve: curves[alg] as string })
  return alg.startsWith('Ed') ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength })
}

/** Signs a payload; `header` replaces or, with `undefined`, takes out. */
export function sign(key: ServerKeyPair, payload: unknown, header: Readonly<Record<string, unknown>> = {}) {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const protectedHeader = JSON.parse(JSON.stringify({ alg: key.alg, kid: key.kid, ...header }))
  return new CompactSign(new TextEncoder().encode(text)).setProtectedHeader(protectedHeader).sign(key.privateKey)
}

/** Encrypts a text to a client's key. */
export function encrypt(
  key: KeyObject | Uint8Array,
  text: string,
  header: { alg: string; enc: string; kid?: string; zip?: string },
) {
  return new CompactEncrypt(new TextEncoder().encode(text)).setProtectedHeader({ cty: 'JWT', ...header }).encrypt(key)
}

/** A JWT with whatever header and signature. */
export function forged(header: unknown, payload: unknown, signature = ''): string {
  const parts = [header, payload].map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
  return [...parts, signature].join('.')
}

export const issuer = 'https://as.example'
export const now = start / 1000

/** The claims of an ID token as they should be; `members` replace or, with `undefined`, take out. */
export function claims(members: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { iss: issuer, sub: 'user', aud: 'app', exp: now + 300, iat: now, ...members }
}

export interface OpenIdServer {
  /** What its set has from now on. */
  keys: readonly Readonly<Record<string, unknown>>[]
  /** What `jwks_uri` answers instead of the set. */
  answer: (() => TransportResponse | Promise<TransportResponse>) | undefined
  /** What the token endpoint answers. */
  tokens: (form: Readonly<Record<string, string>>) => TransportResponse | Promise<TransportResponse>
  /** The requests for the set so far. */
  fetches: number
  readonly clock: { now(): number; advance(milliseconds: number): void }
  client(options?: Partial<ClientOptions>, conform?: ProviderDefinition['conform']): Client
}

/** A server with the keys given, and a clock that is moved by hand. */
export function openIdServer(...keys: readonly ServerKeyPair[]): OpenIdServer {
  let time = start
  const server: OpenIdServer = {
    keys: keys.map(({ jwk }) => jwk),
    answer: undefined,
    tokens: () => json(400, { error: 'invalid_grant' }),
    fetches: 0,
    clock: {
      now: () => time,
      advance: milliseconds => {
        time += milliseconds
      },
    },
    client: (options = {}, conform = {}) =>
      createClient({
        provider: defineProvider({ name: 'example', metadata, conform }),
        clientId: 'app',
        ...(options.auth === undefined ? { clientSecret: 'a secret that is long enough for a MAC' } : {}),
        transport: send,
        clock: server.clock,
        ...options,
      }),
  }
  const send = async ({ url, body }: { readonly url: string; readonly body?: unknown }): Promise<TransportResponse> => {
    if (url !== metadata.jwks_uri) return server.tokens(Object.fromEntries(new URLSearchParams(String(body))))
    server.fetches++
    return server.answer === undefined ? json(200, { keys: server.keys }) : server.answer()
  }
  return server
}

const metadata = { issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks` }
