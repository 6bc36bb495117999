/** What can be wrong with how the browser comes back from a logout (OpenID Connect RP-Initiated Logout 1.0 §3). */
import type { Changes } from './index.js'

/** By name. */
export const logoutResponseMisbehaviours = {
  'wrong state': draft => Object.assign(draft, { state: 'another-state' }),
  'missing state': draft => Object.assign(draft, { state: undefined }),
} satisfies Changes<'logout-response'>
