/** What can be wrong with an access token that shows what it is bound to (RFC 9068, RFC 8705 §3.1, RFC 9449 §6.1). */
import type { Changes } from './index.js'
import { claim } from './jwt.js'

/** By name. */
export const accessTokenMisbehaviours = {
  /** Bound to a DPoP key nobody has. */
  'cnf of another key': claim({ cnf: { jkt: 'another-key-another-key-another-key-another' } }),
  /** Bound to a certificate nobody has. */
  'cnf of another certificate': claim({ cnf: { 'x5t#S256': 'another-certificate-another-certificate-ano' } }),
  /** Bound to nothing. */
  'missing cnf': claim({ cnf: undefined }),
} satisfies Changes<'access-token'>
