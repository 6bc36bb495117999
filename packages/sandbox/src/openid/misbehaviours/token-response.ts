/** What can be wrong with a token response (RFC 6749 §5.1, RFC 9449 §5, OpenID Connect Core §3.1.3.3). */
import { documentMisbehaviours, member } from './document.js'
import type { Changes } from './index.js'

/** By name. */
export const tokenResponseMisbehaviours = {
  ...documentMisbehaviours,
  'other token_type': member({ token_type: 'mac' }),
  'missing token_type': member({ token_type: undefined }),
  /** A bearer token, though a proof was sent. */
  'token_type Bearer': member({ token_type: 'Bearer' }),
  /** A DPoP token, though no proof was sent. */
  'token_type DPoP': member({ token_type: 'DPoP' }),
  /** Right, with each letter in the other case. */
  'token_type in other case': member(body => ({
    token_type: [...String(body.token_type)]
      .map(letter => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase()))
      .join(''),
  })),
  'missing access_token': member({ access_token: undefined }),
  'empty access_token': member({ access_token: '' }),
  'access_token as object': member({ access_token: { token: 'x' } }),
  /** A token that ends the header line it is sent in. */
  'access_token with a line break': member({ access_token: 'x\r\nx-injected: 1' }),
  'missing id_token': member({ id_token: undefined }),
  'id_token as number': member({ id_token: 7 }),
  'missing expires_in': member({ expires_in: undefined }),
  'negative expires_in': member({ expires_in: -1 }),
  'zero expires_in': member({ expires_in: 0 }),
  'huge expires_in': member({ expires_in: 1e300 }),
  'expires_in as text': member({ expires_in: '300' }),
  'expires_in not a number': member({ expires_in: 'soon' }),
  'missing scope': member({ scope: undefined }),
  'other scope': member({ scope: 'everything' }),
  'missing refresh_token': member({ refresh_token: undefined }),
} satisfies Changes<'token-response'>
