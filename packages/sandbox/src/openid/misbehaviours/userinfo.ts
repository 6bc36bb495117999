/** What can be wrong with a userinfo answer (OpenID Connect Core §5.3.2, §5.3.4). */
import type { JwtDraft } from '../drafts.js'
import type { OpenidProvider } from '../openid-provider.js'
import { documentMisbehaviours } from './document.js'
import type { Change, Changes, StageDrafts } from './index.js'
import { jwtMisbehaviours } from './jwt.js'

type Userinfo = StageDrafts['userinfo']

/** By name; what is wrong with a JWT goes for signed answers. */
export const userinfoMisbehaviours = {
  ...documentMisbehaviours,
  ...ofSigned(jwtMisbehaviours),
  'other sub': draft => Object.assign(claimsOf(draft), { sub: 'mallory' }),
  'missing sub': draft => Object.assign(claimsOf(draft), { sub: undefined }),
  /** JSON where a JWT was registered. */
  unsigned: draft => {
    Object.assign(draft.body, draft.jwt?.claims)
    draft.jwt = undefined
  },
} satisfies Changes<'userinfo'>

function claimsOf({ jwt, body }: Userinfo): Record<string, unknown> {
  return jwt?.claims ?? body
}

function ofSigned<Names extends Record<string, (draft: JwtDraft, provider: OpenidProvider) => void>>(
  names: Names,
): { [Name in keyof Names]: Change<'userinfo'> } {
  const entries = Object.entries(names).map(([name, change]) => [
    name,
    ({ jwt }: Userinfo, provider: OpenidProvider) => jwt && change(jwt, provider),
  ])
  return Object.fromEntries(entries) as { [Name in keyof Names]: Change<'userinfo'> }
}
