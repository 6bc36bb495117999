/** What can be wrong with how proofs are answered (RFC 9449 §8, §9). */
import type { Changes } from './index.js'

/** By name. */
export const dpopMisbehaviours = {
  /** Another nonce is wanted, good proof or not; with `times: Infinity`, for ever. */
  use_dpop_nonce: draft => Object.assign(draft, { error: 'use_dpop_nonce' }),
  /** Another nonce is wanted, and none given. */
  'use_dpop_nonce without a nonce': draft => Object.assign(draft, { error: 'use_dpop_nonce', nonce: undefined }),
  /** A nonce that no header may carry. */
  'unusable nonce': draft => Object.assign(draft, { error: 'use_dpop_nonce', nonce: 'a"b\\c d\u00e9' }),
  /** A missing or wrong proof is called an invalid grant, as one server does. */
  invalid_grant: draft => Object.assign(draft, { error: 'invalid_grant' }),
  invalid_dpop_proof: draft => Object.assign(draft, { error: 'invalid_dpop_proof' }),
  /** The challenge of an API, its scheme written with other letters large. */
  'scheme in other case': draft => Object.assign(draft, { scheme: 'dPOP' }),
} satisfies Changes<'dpop'>
