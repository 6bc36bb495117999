/** What can be wrong with a signed authorization response (JARM §2.4). */
import type { Changes } from './index.js'
import { claim, jwtMisbehaviours } from './jwt.js'

/** By name. */
export const jarmMisbehaviours = {
  ...jwtMisbehaviours,
  'wrong state': claim(claims => ({ state: `${claims.state}-2` })),
  'missing state': claim({ state: undefined }),
  /** `exp` half an hour from now; JARM recommends ten minutes at most. */
  'long exp': claim(claims => ({ exp: Number(claims.exp) + 1800 })),
  /** No code, nor an error. */
  'missing code': claim({ code: undefined }),
  'code as number': claim({ code: 7 }),
  /** An ID token: signed by the right key, made for the client, but no answer to it. */
  'an ID token': claim({ sub: 'alice', nonce: 'n', code: undefined }),
} satisfies Changes<'jarm'>
