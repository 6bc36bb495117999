/** What the three functions of this package have in common: how sources are read, and what presents a certificate. */
import { createRequire } from 'node:module'
import type { TlsOptions } from '@grantkit/core'
import { type Attaching, directAgent } from '@grantkit/core/kit'
import type { Agent } from 'undici'

/** The calls as they are meant, for who swaps their arguments. */
export const orders = {
  tokenInterceptor: 'tokenInterceptor(source, options)',
  withTokens: 'withTokens(dispatcher, source, options)',
  fetchWithTokens: 'fetchWithTokens(fetch, source, options)',
} as const

/** Presents a client certificate: the agent of the certificate as it is now. */
export type CurrentAgent = () => Agent

/** How sources are attached by one of the functions. */
export function attachingBy(maker: keyof typeof orders): Attaching<CurrentAgent> {
  return { maker, order: orders[maker], agentOf }
}

/** On the undici that is installed beside this package. */
function agentOf(tls: TlsOptions): CurrentAgent {
  const agent = directAgent(tls)
  return () => agent(installedUndici())
}

/** The installed undici, loaded when it is needed and at once: an option that does not fit it is told right away. */
export function installedUndici(): typeof import('undici') {
  // undici puts its own agent under the built-in fetch unless that has been loaded before; the process's fetch is not ours
  void globalThis.Headers
  return createRequire(import.meta.url)('undici')
}
