/** Contracts as named cases for any test runner, and a clock moved by hand. */
export { answering, rejection } from './answering.js'
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
export type {
  ProviderContractSetup,
  ProviderUnderTest,
  RequestReceived,
  SpoiltAnswer,
  SystemUnderTest,
  WrongOption,
} from './provider/provider-under-test.js'
export { type ContractCase, providerContract } from './provider-contract.js'
export * as answers from './servers/answers.js'
export {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  authorizationServer,
  tokenResponse,
} from './servers/authorization-server.js'
export { type PostgresServer, type PostgresServerOptions, startPostgresServer } from './servers/postgres-server.js'
export {
  type Handler,
  type Received,
  type RecordingServer,
  recordingServer,
} from './servers/recording-server.js'
export { type RedisCluster, type RedisClusterOptions, startRedisCluster } from './servers/redis-cluster.js'
export type { RedisReply } from './servers/redis-command.js'
export { type RedisRelay, redisRelay } from './servers/redis-relay.js'
export { type RedisSentinel, type RedisSentinelOptions, startRedisSentinel } from './servers/redis-sentinel.js'
export { type RedisServer, type RedisServerOptions, startRedisServer } from './servers/redis-server.js'
export {
  type IssuedTokens,
  type ServerAnswer,
  startTokenServer,
  type TokenServer,
  type TokenServerOptions,
} from './servers/token-server.js'
export { importAtOnce } from './token-store/many-users.js'
export type { TokenStoreSetup } from './token-store/scene.js'
export { tokenStoreContract } from './token-store-contract.js'
