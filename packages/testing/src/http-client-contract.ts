/** What every HTTP client must do once a token source is attached to it, as named cases for any test runner. */
import { optionError } from '@grantkit/core/kit'
import { attaching } from './http-client/attaching.js'
import { bodiesSentAgain } from './http-client/bodies-sent-again.js'
import { caches } from './http-client/caches.js'
import { clientCertificates } from './http-client/client-certificates.js'
import type { HttpClientSetup } from './http-client/client-under-test.js'
import { dpop } from './http-client/dpop.js'
import { finalAnswers } from './http-client/final-answers.js'
import { gatewayFaults } from './http-client/gateway-faults.js'
import { heldTokens } from './http-client/held-tokens.js'
import { libraryFeatures } from './http-client/library-features.js'
import { otherOrigins } from './http-client/other-origins.js'
import { redirects } from './http-client/redirects.js'
import { rejectedTokens } from './http-client/rejected-tokens.js'
import { type HttpClientCase, runCase } from './http-client/scene.js'
import { secrets } from './http-client/secrets.js'
import { unexplainedRefusals } from './http-client/unexplained-refusals.js'
import type { ContractCase } from './provider-contract.js'

/** A case of the HTTP client contract. */
export interface HttpClientContractCase extends ContractCase {
  /** What it is about, for whoever prints a table. */
  readonly about: string
}

const chapters: Readonly<Record<string, readonly HttpClientCase[]>> = {
  'Tokens attached': attaching,
  'Held tokens': heldTokens,
  'Rejected tokens': rejectedTokens,
  'Bodies sent once more': bodiesSentAgain,
  'Answers that a new token would not change': finalAnswers,
  'Refusals without a reason': unexplainedRefusals,
  'Faults of gateways': gatewayFaults,
  'Beside what the library does': libraryFeatures,
  'Other origins': otherOrigins,
  Redirects: redirects,
  'DPoP tokens': dpop,
  Caches: caches,
  'Client certificates': clientCertificates,
  'Secrets in errors': secrets,
}

/**
 * The cases: loop over them with any runner, as `for (const { name, run } of httpClientContract(setup)) test(name, run)`.
 *
 * @throws TypeError when `cannot` names a case there is not; a case's `run` rejects with an `AssertionError`
 */
export function httpClientContract(setup: HttpClientSetup): readonly HttpClientContractCase[] {
  const { cannot = {} } = setup
  const cases = Object.entries(chapters).flatMap(([about, list]) =>
    list.map(one => ({ about, name: one.name, run: () => runCase(one, setup) })),
  )
  const names = cases.map(({ name }) => name)
  for (const name of Object.keys(cannot))
    if (!names.includes(name)) throw optionError('cannot', `names no case of the contract: ${name}`)
  return cases.filter(({ name }) => !Object.hasOwn(cannot, name))
}
