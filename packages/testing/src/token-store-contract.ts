/** What every token store must do, as named cases for any test runner: two stores on one real backend. */
import { optionError } from '@grantkit/core/kit'
import type { ContractCase } from './provider-contract.js'
import { changes, noChanges } from './token-store/changes.js'
import { closing } from './token-store/closing.js'
import { keeping } from './token-store/keeping.js'
import { leases } from './token-store/leases.js'
import { records } from './token-store/records.js'
import { runCase, type TokenStoreSetup } from './token-store/scene.js'

/**
 * The cases: loop over them with any runner, as `for (const { name, run } of tokenStoreContract(setup)) test(name, run)`.
 * They may run on a backend that holds other things: each has keys of its own, never used before.
 *
 * @throws TypeError when `cannot` names a case there is not; a case's `run` rejects with an `AssertionError`, or with what
 *   the store rejects with
 */
export function tokenStoreContract(setup: TokenStoreSetup): readonly ContractCase[] {
  const { cannot = {}, watches = true } = setup
  const cases = [...records, ...keeping, ...leases, ...(watches ? changes : noChanges), ...closing]
  for (const name of Object.keys(cannot))
    if (!cases.some(one => one.name === name)) throw optionError('cannot', `names no case of the contract: ${name}`)
  return cases
    .filter(({ name }) => !Object.hasOwn(cannot, name))
    .map(one => ({ name: one.name, run: () => runCase(one, setup) }))
}
