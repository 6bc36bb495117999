/** What a 401 asks for (RFC 6750 §3): whether a new token may help. */
import type { ApiRefusal, Provider } from './provider.js'

/**
 * Whether an API rejected the token itself. Only a credible challenge counts: `invalid_token`, or the provider's own
 * rule; never `insufficient_scope`, never another status. Headers are searched, not parsed: gateways send malformed ones.
 */
export function isTokenRejected(refusal: ApiRefusal, provider: Provider | undefined): boolean {
  if (refusal.status !== 401) return false
  const recognize = provider?.conform.recognizeRejection
  if (recognize !== undefined) return recognize(refusal)
  return /\binvalid_token\b/.test(refusal.wwwAuthenticate)
}
