/** A login up to the answer: a server that signs, a client of it, a request, and what the server answers to it. */
import { createHash } from 'node:crypto'
import type { ClientOptions } from '../../src/client.js'
import { defineProvider } from '../../src/define-provider.js'
import {
  type AuthorizationRequestOptions,
  createAuthorizationRequest,
} from '../../src/front-channel/authorization-request.js'
import type { AuthorizationTransaction } from '../../src/front-channel/transaction.js'
import type { AuthorizationServerMetadata } from '../../src/metadata.js'
import type { Conform } from '../../src/provider.js'
import { claims, issuer, keyFor, openIdServer, sign } from '../openid-server.js'

export const redirectUri = 'https://app.example/cb'
export const key = keyFor('RS256')

/** What differs from a plain login. */
export interface Circumstances {
  readonly metadata?: Partial<AuthorizationServerMetadata>
  readonly conform?: Conform
  readonly client?: Partial<ClientOptions>
}

/** A request that has gone out, and what answers can be made of. */
export async function begun(
  options: Partial<AuthorizationRequestOptions> = {},
  { metadata, conform, client: more }: Circumstances = {},
) {
  const server = openIdServer(key)
  const known = {
    issuer,
    token_endpoint: `${issuer}/token`,
    authorization_endpoint: `${issuer}/authorize`,
    jwks_uri: `${issuer}/jwks`,
    ...metadata,
  }
  const provider = defineProvider({ name: 'example', metadata: known, conform })
  const client = server.client({ provider, ...more })
  const { url, transaction } = await createAuthorizationRequest(client, { redirectUri, ...options })
  return { server, client, url, transaction }
}

/** Parameters as a query or a fragment; `undefined` leaves one out. */
export function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const sent = Object.entries(parameters).filter(([, value]) => value !== undefined)
  return new URLSearchParams(sent as [string, string][]).toString()
}

/** The left half of a SHA-256, as `c_hash` and its like have it. */
export function half(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')
}

/** An ID token of this login; `members` replace or, with `undefined`, take out. */
export function idTokenOf({ nonce }: AuthorizationTransaction, members: Readonly<Record<string, unknown>> = {}) {
  return sign(key, claims({ nonce, ...members }))
}

/** A signed answer; `members` replace or, with `undefined`, take out. */
export function signedAnswer(
  { state }: AuthorizationTransaction,
  members: Readonly<Record<string, unknown>> = {},
  by = key,
) {
  const { exp, aud, iss } = claims()
  return sign(by, JSON.parse(JSON.stringify({ iss, aud, exp, state, code: 'code-1', ...members })))
}
