/** Contracts as named cases for any test runner, and a clock moved by hand. */
export { type ManualClock, manualClock } from './manual-clock.js'
export {
  type ContractCase,
  type ProviderContractSetup,
  type ProviderUnderTest,
  providerContract,
  type RequestReceived,
  type SpoiltAnswer,
  type SystemUnderTest,
  type WrongOption,
} from './provider-contract.js'
