/** How each misbehaviour comes about. */
import type { AuthorizationResponseDraft, DocumentDraft, JwtDraft, ProofDraft } from '../drafts.js'
import type { OpenidProvider } from '../openid-provider.js'
import { accessTokenMisbehaviours } from './access-token.js'
import { authorizationResponseMisbehaviours } from './authorization-response.js'
import { discoveryMisbehaviours } from './discovery.js'
import { dpopMisbehaviours } from './dpop.js'
import { idTokenMisbehaviours } from './id-token.js'
import { jarmMisbehaviours } from './jarm.js'
import { jwksMisbehaviours } from './jwks.js'
import { logoutResponseMisbehaviours } from './logout-response.js'
import type { Misbehaviour, NameOf, Stage } from './names.js'
import { pushedAuthorizationMisbehaviours } from './pushed-authorization.js'
import { tokenResponseMisbehaviours } from './token-response.js'
import { userinfoMisbehaviours } from './userinfo.js'

/** What may be spoilt, and what it is before it is sent. */
export interface StageDrafts {
  readonly 'id-token': JwtDraft
  readonly 'access-token': JwtDraft
  readonly 'authorization-response': AuthorizationResponseDraft
  readonly jarm: JwtDraft
  readonly discovery: DocumentDraft
  readonly jwks: DocumentDraft
  readonly 'pushed-authorization': DocumentDraft
  readonly 'token-response': DocumentDraft
  readonly userinfo: DocumentDraft & { jwt: JwtDraft | undefined }
  readonly 'logout-response': { state: string | undefined }
  readonly dpop: ProofDraft
}

/** Does something wrong to a draft. */
export type Change<S extends Stage> = (draft: StageDrafts[S], provider: OpenidProvider) => void

/** What can be wrong with a stage, and how it comes about. */
export type Changes<S extends Stage> = Readonly<Record<NameOf<S>, Change<S>>>

const changes: { readonly [S in Stage]: Changes<S> } = {
  'id-token': idTokenMisbehaviours,
  'access-token': accessTokenMisbehaviours,
  'authorization-response': authorizationResponseMisbehaviours,
  jarm: jarmMisbehaviours,
  discovery: discoveryMisbehaviours,
  jwks: jwksMisbehaviours,
  'pushed-authorization': pushedAuthorizationMisbehaviours,
  'token-response': tokenResponseMisbehaviours,
  userinfo: userinfoMisbehaviours,
  'logout-response': logoutResponseMisbehaviours,
  dpop: dpopMisbehaviours,
}

/** By name: which draft it spoils, and how. */
export const misbehaviours: ReadonlyMap<Misbehaviour, { readonly stage: Stage; readonly change: Change<never> }> =
  new Map(
    Object.entries(changes).flatMap(([stage, ofStage]) =>
      Object.entries(ofStage).map(([name, change]) => [
        `${stage}: ${name}` as Misbehaviour,
        { stage: stage as Stage, change },
      ]),
    ),
  )
