/** Contracts as named cases for any test runner, and a clock moved by hand. */
export type {
  ClientBody,
  ClientRequest,
  ClientResponse,
  ForeignTraffic,
  HeaderReader,
  HttpClientAttachment,
  HttpClientOptions,
  HttpClientSetup,
  HttpClientUnderTest,
} from './http-client/client-under-test.js'
export { type HttpClientContractCase, httpClientContract } from './http-client-contract.js'
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
export { type PostgresServer, type PostgresServerOptions, startPostgresServer } from './servers/postgres-server.js'
export type { TokenStoreSetup } from './token-store/scene.js'
export { tokenStoreContract } from './token-store-contract.js'
