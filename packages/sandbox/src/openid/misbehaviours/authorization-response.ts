/** What can be wrong with the answer to an authorization request (RFC 6749 §4.1.2, RFC 9207, RFC 9700 §4.4). */
import type { AuthorizationResponseDraft } from '../drafts.js'
import type { Changes } from './index.js'
import { stranger } from './stranger.js'

/** By name. */
export const authorizationResponseMisbehaviours = {
  'wrong state': draft => replace(draft, 'state', 'another-state'),
  'missing state': draft => remove(draft, 'state'),
  'doubled state': draft => double(draft, 'state', 'another-state'),
  'wrong iss': draft => replace(draft, 'iss', stranger),
  'iss with a slash': (draft, { issuer }) => replace(draft, 'iss', `${issuer}/`),
  'missing iss': draft => remove(draft, 'iss'),
  'doubled iss': draft => double(draft, 'iss', stranger),
  'missing code': draft => remove(draft, 'code'),
  'empty code': draft => replace(draft, 'code', ''),
  'doubled code': draft => double(draft, 'code', 'another-code'),
  'missing id_token': draft => remove(draft, 'id_token'),
  /** An access token nobody asked for. */
  'access_token in front': draft => draft.parameters.push(['access_token', 'from-the-front'], ['token_type', 'Bearer']),
  /** An error and a code at once. */
  'error and code': draft => draft.parameters.push(['error', 'access_denied']),
  /** The user has said no. */
  access_denied: draft => refused(draft),
  /** The same, in the query, whatever the response mode. */
  'access_denied in the query': draft => {
    refused(draft)
    Object.assign(draft, { place: 'query', signed: false })
  },
  /** The same, in the fragment, whatever the response mode. */
  'access_denied in the fragment': draft => {
    refused(draft)
    Object.assign(draft, { place: 'fragment', signed: false })
  },
  /** A code where it was asked for, an error in the other place. */
  'error elsewhere': draft => draft.elsewhere.push(['error', 'access_denied']),
  /** Another code in the other place. */
  'code elsewhere': draft => draft.elsewhere.push(['code', 'another-code']),
  /** Query instead of fragment, fragment instead of query or form. */
  'other place': draft => Object.assign(draft, { place: draft.place === 'fragment' ? 'query' : 'fragment' }),
  /** The bare parameters where a signed response was asked for. */
  'plain instead of JARM': draft => Object.assign(draft, { signed: false }),
  /** A signed response that nobody asked for. */
  'JARM instead of plain': draft => Object.assign(draft, { signed: true }),
  /** A long description with line breaks and escape sequences. */
  'hostile error_description': draft => {
    refused(draft)
    draft.parameters.push(['error_description', `\u001b[2J\r\nSet-Cookie: a=b\r\n${'a'.repeat(20_000)}`])
  },
} satisfies Changes<'authorization-response'>

function remove(draft: AuthorizationResponseDraft, name: string): void {
  draft.parameters = draft.parameters.filter(([other]) => other !== name)
}

function replace(draft: AuthorizationResponseDraft, name: string, value: string): void {
  remove(draft, name)
  draft.parameters.push([name, value])
}

function double(draft: AuthorizationResponseDraft, name: string, value: string): void {
  draft.parameters.push([name, value])
}

function refused(draft: AuthorizationResponseDraft): void {
  remove(draft, 'code')
  remove(draft, 'id_token')
  draft.parameters.push(['error', 'access_denied'])
}
