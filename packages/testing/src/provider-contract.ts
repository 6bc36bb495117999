/** What every provider must do, as named cases for any test runner: against a real server, with a clock moved by hand. */
import { applicationTokenCases } from './provider/application-tokens.js'
import { failureCases } from './provider/failures.js'
import type { ProviderContractSetup } from './provider/provider-under-test.js'
import { settingCases } from './provider/settings.js'
import { withoutRefreshTokens, withRefreshTokens } from './provider/user-tokens.js'

/** A test by its name; `run` rejects when the provider does not do what the name says. */
export interface ContractCase {
  /** What holds when it passes. */
  readonly name: string
  /** Runs it; rejects when it does not hold. */
  readonly run: () => Promise<void>
}

const everyProvider = [...applicationTokenCases, ...failureCases, ...settingCases]

/**
 * The cases: loop over them with any runner, as `for (const { name, run } of providerContract(setup)) test(name, run)`.
 *
 * @throws nothing; a case's `run` rejects with an `AssertionError`
 */
export function providerContract(setup: ProviderContractSetup): readonly ContractCase[] {
  const cases = [...everyProvider, ...(setup.refreshTokens === false ? withoutRefreshTokens : withRefreshTokens)]
  return cases.map(({ name, run }) => ({
    name,
    async run() {
      const provider = await setup.start()
      try {
        await run(provider, setup)
      } finally {
        await provider[Symbol.asyncDispose]()
      }
    },
  }))
}
