/** What can be wrong with the answer to a pushed authorization request (RFC 9126 §2.2). */
import { documentMisbehaviours, member } from './document.js'
import type { Changes } from './index.js'
import { stranger } from './stranger.js'

/** By name. */
export const pushedAuthorizationMisbehaviours = {
  ...documentMisbehaviours,
  'missing request_uri': member({ request_uri: undefined }),
  'empty request_uri': member({ request_uri: '' }),
  'request_uri as number': member({ request_uri: 7 }),
  'request_uri elsewhere': member({ request_uri: `${stranger}/request?client_id=mallory#x` }),
  'missing expires_in': member({ expires_in: undefined }),
  'expires_in as text': member({ expires_in: 'soon' }),
  /** 200 where 201 is due. */
  'status 200': draft => Object.assign(draft, { status: 200 }),
} satisfies Changes<'pushed-authorization'>
