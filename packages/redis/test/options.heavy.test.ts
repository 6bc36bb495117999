import { memoryStore, sealedStore } from '@grantkit/core'
import { startRedisServer } from '@grantkit/testing'
import { Redis } from 'ioredis'
import { createClient, createClientPool } from 'redis'
import { describe, expect, test } from 'vitest'
import { type RedisStoreOptions, redisStore } from '../src/index.js'
import { connected } from './clients.js'
import { needed } from './scene.js'

/** ioredis connects when it is first used. */
const client = () => new Redis({ lazyConnect: true })
const ofOptions = (options: unknown) => () => redisStore(client(), options as RedisStoreOptions)

describe('wrong options', () => {
  const wrong: Readonly<Record<string, readonly [option: string, make: () => unknown, advice: RegExp]>> = {
    'a misspelt one': ['Prefix', ofOptions({ Prefix: 'a' }), /did you mean prefix/],
    'an empty prefix': ['prefix', ofOptions({ prefix: '' }), /must not be empty/],
    'a prefix with a hash tag': ['prefix', ofOptions({ prefix: '{a}' }), /must not contain/],
    'another secrecy': ['secrecy', ofOptions({ secrecy: 'sealed' }), /sealedStore/],
    'no replica to wait for': [
      'waitForReplicas.count',
      ofOptions({ waitForReplicas: { count: 0, timeoutMs: 1 } }),
      /at least 1/,
    ],
    'half a replica': ['waitForReplicas.count', ofOptions({ waitForReplicas: { count: 1.5, timeoutMs: 1 } }), /whole/],
    'waiting for ever': [
      'waitForReplicas.timeoutMs',
      ofOptions({ waitForReplicas: { count: 1, timeoutMs: 0 } }),
      /at least 1/,
    ],
    'a number of replicas alone': ['waitForReplicas()', ofOptions({ waitForReplicas: 1 }), /object/],
  }
  for (const [name, [option, make, advice]] of Object.entries(wrong))
    test(`are named: ${name}`, () => {
      const error = thrown(make)
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({ code: 'ERR_OPTION', option, message: expect.stringMatching(advice) })
    })
})

describe('wrong clients', () => {
  const wrong: Readonly<Record<string, unknown>> = {
    none: undefined,
    null: null,
    'a URL': 'redis://127.0.0.1',
    'options instead of a client': { host: '127.0.0.1', port: 6379 },
    'another store': memoryStore(),
    'a pool': createClientPool(),
    'one of node-redis 4': {
      isOpen: true,
      eval() {},
      multi() {},
      subscribe() {},
      unsubscribe() {},
      duplicate() {},
      quit() {},
      disconnect() {},
    },
  }
  for (const [name, it] of Object.entries(wrong))
    test(`are refused with what to pass instead: ${name}`, () => {
      const error = thrown(() => redisStore(it as never))
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({
        option: 'client',
        message: expect.stringMatching(/createSentinel.*ioredis 5 or 6/),
      })
    })

  test('are told apart from those that are not connected', async () => {
    expect(thrown(() => redisStore(createClient()))).toMatchObject({
      message: expect.stringContaining('client.connect()'),
    })
    const closed = client()
    closed.disconnect()
    await new Promise(resolve => setImmediate(resolve))
    expect(thrown(() => redisStore(closed))).toMatchObject({ message: expect.stringContaining('was closed') })
  })
})

describe('secrecy', () => {
  test('is nobody’s unless it is said to be seen to elsewhere, or the store is sealed', async context => {
    await using server = needed(context, await startRedisServer())
    await using user = await connected(createClient({ url: server.url }))
    expect(redisStore(user.client).secrecy).toBeUndefined()
    expect(redisStore(user.client, { secrecy: 'elsewhere' }).secrecy).toBe('elsewhere')
    const sealed = sealedStore(redisStore(user.client), {
      keys: [{ id: 'one', key: new Uint8Array(32).fill(7) }],
    } as never)
    expect(sealed.secrecy).toBe('sealed')
  })
})

function thrown(make: () => unknown): unknown {
  try {
    make()
  } catch (error) {
    return error
  }
  throw new Error('It threw nothing')
}
