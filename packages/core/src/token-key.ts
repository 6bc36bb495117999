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
  return sha256(JSON.stringify([...commonTo(client, isShared), owner]))
}

/**
 * The lineage keys of a client's users; what all have in common is prepared once. In this process's own store, whose keys
 * nobody is shown, a user is found by name, without a hash at each look-up.
 */
export function userKeys(client: Client, isShared: boolean): (subject: string) => string {
  if (isShared) return subject => lineageKey(client, { subject }, true)
  const name = sha256(JSON.stringify(commonTo(client, false))).slice(0, 16)
  // joined, it is one piece: what is added up stays in memory in pieces
  return subject => [name, subject].join(' ')
}

/** What the keys of all owners have in common. */
function commonTo({ provider, id, auth, connection }: Client, isShared: boolean): readonly unknown[] {
  const { name, metadata, conform } = provider
  if (isShared) return [metadata.issuer, id]
  const server = [name, metadata.issuer, metadata.token_endpoint, conform.refreshEndpoint]
  return [server, id, auth.method, auth.identity, connection]
}

/** Grant, its identity with the scope as a set, certificate, DPoP key: all else that changes the answer. */
export function entryKey(client: Client, grantType: string, identity: Parameters): string {
  const { scope, ...others } = identity
  const sortedScope = [...new Set(splitScope(scope))].sort()
  const sorted = Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1))
  const { tls, dpop } = client
  // a key of its own for those who have one: those of all others stay what they were
  const bound = dpop === undefined ? [] : [{ jkt: dpop.thumbprint }]
  return sha256(JSON.stringify([grantType, sorted, sortedScope, tls.certificate?.thumbprint, ...bound]))
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
