/** The keys everything is filed under: a lineage (one refresh token), in it an entry (one access token), an attempt. */
import type { Client } from './client.js'
import { splitScope } from './grants/grant.js'
import type { Parameters } from './provider.js'
import { sha256 } from './secret.js'

/** Whose tokens they are: a user's or a consent's, or the application's own of one grant. */
export type Owner = { readonly subject: string } | { readonly application: string }

/**
 * Issuer, client, owner: a hash, so it can be shown. In a store that others share it means the same everywhere, and stays
 * when a secret is replaced. In this process's own, clients with other credentials or another connection stay apart.
 */
export function lineageKey(client: Client, owner: Owner, isShared: boolean): string {
  const { name, metadata, conform } = client.provider
  if (isShared) return sha256(JSON.stringify([metadata.issuer, client.id, owner]))
  const server = [name, metadata.issuer, metadata.token_endpoint, conform.refreshEndpoint]
  return sha256(JSON.stringify([server, client.id, client.auth.method, client.auth.identity, client.connection, owner]))
}

/** Grant, its identity with the scope as a set, certificate: all else that changes the answer. */
export function entryKey(client: Client, grantType: string, identity: Parameters): string {
  const { scope, ...others } = identity
  const sortedScope = [...new Set(splitScope(scope))].sort()
  const sorted = Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1))
  return sha256(JSON.stringify([grantType, sorted, sortedScope, client.tls.certificate?.thumbprint]))
}

/** One entry and the grant that is to fill it, such as a refresh token or a code: what a refusal of just that is about. */
export function attemptKey(lineageKey: string, entryKey: string, identity: Parameters): string {
  return sha256(JSON.stringify([lineageKey, entryKey, identity]))
}
