/** The DPoP proof of one attempt at an endpoint, and what the answer to it says of the nonce (RFC 9449 §4, §8). */
import type { Client } from './client.js'
import { nonceFor, rememberDpopNonce } from './dpop.js'
import type { EndpointRequest } from './endpoint-request.js'
import type { AuthorizationServerError } from './errors.js'
import type { TransportRequest, TransportResponse } from './transport.js'

/** The proof of one attempt, and what is made of the answer to it. */
export interface Proof {
  readonly headers: { readonly dpop: string }
  rememberNonce(response: TransportResponse): void
  /** Whether it may have been refused for want of a nonce that is known now. */
  lacksNonce(error: unknown): boolean
}

/** Makes a proof, where one is asked for and the client has a key: last of all, so that no time has passed since. */
export function prove(
  { dpop, clock }: Pick<Client, 'dpop' | 'clock'>,
  { proves }: Pick<EndpointRequest<unknown>, 'proves'>,
  { method, url }: TransportRequest,
): Proof | undefined {
  if (dpop === undefined || proves === undefined) return undefined
  const nonce = nonceFor(dpop, url)
  const { accessToken } = proves
  return {
    headers: { dpop: dpop.signProof({ method, url, now: clock.now(), accessToken, nonce }) },
    rememberNonce: ({ headers }) => rememberDpopNonce(dpop, url, headers.get('dpop-nonce')),
    lacksNonce: error => isRefused(error, nonce) && nonceFor(dpop, url) !== nonce,
  }
}

/**
 * A server may have no word but `invalid_grant` for a nonce that is missing. Where the proof had one, that is about the
 * grant: many send another nonce with every answer, and a code that is shown again ends what it has brought.
 */
function isRefused(error: unknown, nonce: string | undefined): boolean {
  const { code, error: reason = '' } = error as Partial<AuthorizationServerError>
  if (code !== 'ERR_SERVER_REFUSED') return false
  return reason === 'invalid_grant' ? nonce === undefined : ['use_dpop_nonce', 'invalid_dpop_proof'].includes(reason)
}
