/** The keys everything is filed under: a lineage (one refresh token), in it an entry (one access token), an attempt. */
import type { Client } from './client.js'
import { splitScope } from './grants/grant.js'
import type { Parameters } from './provider.js'
import { sha256 } from './secret.js'

/** Issuer, client with its credentials and connection, subject: whose refresh token it is. A hash, so it can be shown. */
export function lineageKey(client: Client, subject: string | undefined): string {
  const { name, metadata, conform } = client.provider
  const server = [name, metadata.issuer, metadata.token_endpoint, conform.refreshEndpoint]
  return sha256(
    JSON.stringify([server, client.id, client.auth.method, client.auth.identity, client.connection, subject]),
  )
}

/** Grant, parameters with the scope as a set, certificate: all else that changes the answer. */
export function entryKey(client: Client, grantType: string, parameters: Parameters): string {
  const { scope, ...others } = parameters
  const sortedScope = [...new Set(splitScope(scope))].sort()
  const sorted = Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1))
  return sha256(JSON.stringify([grantType, sorted, sortedScope, client.tls.certificate?.thumbprint]))
}

/** One entry and what is spent to fill it, such as a refresh token or a code: what a refusal of just that is about. */
export function attemptKey(lineageKey: string, entryKey: string, spent: Parameters): string {
  return sha256(JSON.stringify([lineageKey, entryKey, spent]))
}
