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
  return lineageKeys(client, isShared)(owner)
}

/** The same of any number of owners: what all of them have in common is put together once. */
export function lineageKeys(client: Client, isShared: boolean): (owner: Owner) => string {
  const { name, metadata, conform } = client.provider
  const server = [name, metadata.issuer, metadata.token_endpoint, conform.refreshEndpoint]
  const members = isShared
    ? [metadata.issuer, client.id]
    : [server, client.id, client.auth.method, client.auth.identity, client.connection]
  const before = JSON.stringify(members).slice(0, -1)
  return owner => sha256(`${before},${JSON.stringify(owner)}]`)
}

/** Grant, its identity with the scope as a set, certificate: all else that changes the answer. */
export function entryKey(client: Client, grantType: string, identity: Parameters): string {
  const { scope, ...others } = identity
  const sortedScope = [...new Set(splitScope(scope))].sort()
  const sorted = Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1))
  return sha256(JSON.stringify([grantType, sorted, sortedScope, client.tls.certificate?.thumbprint]))
}

/** The same at any time: one text for all who have it, until the certificate is another one. */
export function entryKeys(client: Client, grantType: string, identity: Parameters): () => string {
  let made: { readonly key: string; readonly thumbprint: string | undefined } | undefined
  return () => {
    const thumbprint = client.tls.certificate?.thumbprint
    if (made === undefined || made.thumbprint !== thumbprint)
      made = { key: entryKey(client, grantType, identity), thumbprint }
    return made.key
  }
}

/** One entry and the grant that is to fill it, such as a refresh token or a code: what a refusal of just that is about. */
export function attemptKey(lineageKey: string, entryKey: string, identity: Parameters): string {
  return sha256(JSON.stringify([lineageKey, entryKey, identity]))
}
