/** A code that came back, as a grant: with what its request has sent, and a look at the ID tokens that vouch for it. */
import type { Client } from '../client.js'
import { ValidationError } from '../errors.js'
import { authorizationCode } from '../grants/authorization-code.js'
import type { Grant, GrantContext } from '../grants/grant.js'
import { optionError } from '../options.js'
import { prepareToRead } from '../signed-jwt.js'
import type { IdTokenClaims } from '../token-set.js'
import { type ExpectedIdToken, validateIdToken, validateIdTokenOf } from './id-token.js'
import type { AuthorizationTransaction } from './transaction.js'

/**
 * Redeems a code at the server it came from, and takes what comes for it where its ID token is that of this login.
 *
 * @param subject of the ID token that came with the code
 * @see OpenID Connect Core §3.1.3.7, §3.3.3.6
 */
export function loginGrant(code: string, transaction: AuthorizationTransaction, subject: string | undefined): Grant {
  const { redirectUri, codeVerifier, resource, scope, nonce } = transaction
  const grant = authorizationCode({ code, redirectUri, codeVerifier, resource: oneOrMore(resource) })
  return {
    ...grant,
    requestedScope: scope,
    async parameters(context) {
      checkClient(context, transaction)
      // nobody should hold what a code has brought while the keys to check it by are fetched
      if (nonce !== undefined) await prepareToRead(context.client, 'id_token')
      return grant.parameters(context)
    },
    async validate(tokenSet, { client }) {
      // without openid no ID token was asked for, and none was promised a nonce
      if (nonce === undefined) return
      const expected = { ...expectedOf(transaction), code, subject }
      checkExpectedClaims(await validateIdTokenOf(tokenSet, client, expected), transaction, client)
    },
  }
}

/**
 * Checks the ID token that came with a code: it vouches for the code and for the state.
 *
 * @see OpenID Connect Core §3.3.2.8, §3.3.2.11, FAPI 1.0 Advanced §5.2.2.1
 */
export async function validateIdTokenOfAnswer(
  client: Client,
  idToken: string | undefined,
  code: string,
  transaction: AuthorizationTransaction,
): Promise<IdTokenClaims> {
  if (!idToken)
    throw new ValidationError('id_token', `is missing; ${transaction.responseType} was asked for`, {
      provider: client.provider.name,
    })
  const required = transaction.requiresStateHash ? ['c_hash', 's_hash'] : ['c_hash']
  const claims = await validateIdToken(client, idToken, { ...expectedOf(transaction), code, required })
  checkExpectedClaims(claims, transaction, client)
  return claims
}

function expectedOf({ nonce, state, maxAgeSeconds, essentialAcr }: AuthorizationTransaction): ExpectedIdToken {
  return { nonce, state, maxAgeSeconds, essentialAcr }
}

/** What was asked for with one value is about that, or says nothing of it (OpenID Connect Core §5.5.1). */
function checkExpectedClaims(
  claims: IdTokenClaims,
  { expectedClaims = {} }: AuthorizationTransaction,
  { provider }: Client,
): void {
  for (const [name, value] of Object.entries(expectedClaims))
    if (claims[name] !== undefined && claims[name] !== value)
      throw new ValidationError(name, 'of the ID token is another than the one that was asked for', {
        provider: provider.name,
      })
}

/** A code is shown to nobody but the server it is of (RFC 9700 §4.4). */
function checkClient({ client }: GrantContext, { clientId, issuer }: AuthorizationTransaction): void {
  if (client.id !== clientId || client.provider.metadata.issuer !== issuer)
    throw optionError('client', 'is another than the one whose answer this is')
}

function oneOrMore(values: readonly string[] | undefined): string | readonly string[] | undefined {
  return values?.length === 1 ? values[0] : values
}
