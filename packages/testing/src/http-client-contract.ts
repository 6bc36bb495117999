/** What every HTTP client must do once a token source is attached to it, as named cases for any test runner. */
import { optionError } from '@grantkit/core'
import type { HttpClientSetup } from './http-client/client-under-test.js'
import type { ContractCase } from './provider-contract.js'

/**
 * The cases: loop over them with any runner, as `for (const { name, run } of httpClientContract(setup)) test(name, run)`.
 *
 * @throws TypeError when `cannot` names a case there is not; a case's `run` rejects with an `AssertionError`
 */
export function httpClientContract(setup: HttpClientSetup): readonly ContractCase[] {
  const { cannot = {} } = setup
  const names = cases.map(({ name }) => name)
  for (const name of Object.keys(cannot))
    if (!names.includes(name)) throw optionError('cannot', `names no case of the contract: ${name}`)
  return cases
    .filter(({ name }) => !Object.hasOwn(cannot, name))
    .map(({ name, run }) => ({ name, run: () => run(setup) }))
}

interface Case {
  readonly name: string
  readonly run: (setup: HttpClientSetup) => Promise<void>
}

const cases: readonly Case[] = []
