import { startRedisCluster, startRedisSentinel, startRedisServer, tokenStoreContract } from '@grantkit/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { redisStore } from '../src/index.js'
import { onCluster, onSentinel, onServer, type UserClient } from './clients.js'

describe('on one server', () => contractOf(onServer, startRedisServer))
describe('on a cluster of three', () => contractOf(onCluster, startRedisCluster))
describe('through Sentinel', () => contractOf(onSentinel, startRedisSentinel))

/** Two clients of each kind, as two processes would have. */
function contractOf<Servers extends AsyncDisposable>(
  clients: Readonly<Record<string, (servers: Servers) => Promise<UserClient>>>,
  start: () => Promise<Servers | undefined>,
): void {
  let servers: Servers | undefined
  beforeAll(async () => {
    servers = await start()
  })
  afterAll(() => servers?.[Symbol.asyncDispose]())
  for (const [name, open] of Object.entries(clients))
    describe.concurrent(name, () => {
      const opened: UserClient[] = []
      let turn = 0
      beforeAll(async () => {
        if (servers !== undefined) opened.push(await open(servers), await open(servers))
      })
      afterAll(async () => {
        for (const user of opened) await user[Symbol.asyncDispose]()
      })
      const create = () => redisStore((opened[turn++ % 2] as UserClient).client)
      for (const { name, run } of tokenStoreContract({ create }))
        test(name, async context => {
          context.skip(servers === undefined, 'needs redis-server')
          await run()
        })
    })
}
