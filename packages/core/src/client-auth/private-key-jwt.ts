/** `private_key_jwt`: an assertion signed by the client's private key (RFC 7523 §2.2, OpenID Connect Core §9). */

import { checkOptions } from '../options.js'
import { signer as createSigner, type SignerOptions } from '../signer.js'
import {
  type AssertionOptions,
  assertionOptionNames,
  authenticateByAssertion,
  checkAlg,
  checkAssertionOptions,
} from './assertion-auth.js'
import type { ClientAuth } from './client-auth.js'

/** The key with its `alg` (there is no default) and `kid`, and what the assertion says. */
export type PrivateKeyJwtOptions = SignerOptions & AssertionOptions

/** Client authentication by a key that can be replaced while it is in use. */
export interface PrivateKeyJwt extends ClientAuth {
  /**
   * Signs with another key from now on; parsed and checked first, so a wrong one changes nothing.
   *
   * @throws TypeError as {@link privateKeyJwt} does
   */
  replaceKey(options: SignerOptions): void
}

/**
 * Signs a new assertion for every attempt.
 *
 * @throws TypeError naming the option: a key that cannot be read or cannot do `alg`, a missing `alg`, a claim or
 *   header member of the protocol's own among the extra ones
 */
export function privateKeyJwt(options: PrivateKeyJwtOptions): PrivateKeyJwt {
  checkOptions('privateKeyJwt', options, [...signerOptionNames, ...assertionOptionNames])
  checkAssertionOptions(options)
  let signer = createSigner(pick(options))
  return {
    method: 'private_key_jwt',
    identity: signer.identity,
    check: ({ provider }) => checkAlg(signer.alg, provider),
    fingerprint: async () => signer.identity,
    authenticate: (parameters, context) => authenticateByAssertion(signer, options, parameters, context),
    replaceKey(replacement) {
      checkOptions('replaceKey', replacement, signerOptionNames)
      signer = createSigner(replacement)
    },
  }
}

const signerOptionNames = ['key', 'alg', 'kid', 'passphrase'] as const

function pick({ key, alg, kid, passphrase }: SignerOptions): SignerOptions {
  return { key, alg, kid, passphrase }
}
