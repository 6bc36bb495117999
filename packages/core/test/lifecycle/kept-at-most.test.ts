import { describe, expect, test } from 'vitest'
import { createUserTokenSources, memoryStore, type TokenStore, TokenStoreError } from '../../src/index.js'
import { boundedStoreOf } from '../../src/lifecycle/holdings.js'
import { answering, clientOf } from '../answering.js'

/** A store outside the process that notes how long it was told to keep each record. */
function noting() {
  const kept: (number | undefined)[] = []
  const inner = memoryStore()
  const store: TokenStore = {
    ...inner,
    secrecy: 'elsewhere',
    compareAndSet(key, expected, record) {
      kept.push(record.keepForMs)
      return inner.compareAndSet(key, expected, record)
    },
  }
  return { store, kept }
}

describe('keepForMs of users’ token sources', () => {
  test('is how long a refresh token without an end stays in the store, also once it was renewed', async () => {
    const { store, kept } = noting()
    const renewed = { body: { access_token: 'at-2', token_type: 'Bearer', expires_in: 60, refresh_token: 'rt-2' } }
    const client = clientOf(answering(renewed).transport)
    const users = createUserTokenSources({ client, store, keepForMs: 86_400_000 })
    await users.for('session').import({ refreshToken: 'rt-1' })
    await users.for('session').getTokenSet()
    expect(kept.length).toBeGreaterThan(1)
    expect(new Set(kept)).toEqual(new Set([86_400_000]))
  })

  test('does not bound those of other sources of the same store', async () => {
    const { store, kept } = noting()
    const client = clientOf(answering().transport)
    createUserTokenSources({ client, store, keepForMs: 86_400_000 }).for('session')
    await createUserTokenSources({ client, store }).for('user').import({ refreshToken: 'rt-1' })
    expect(kept).toEqual([undefined])
  })

  test.each([0, '1d', Number.POSITIVE_INFINITY])('is refused as %s', keepForMs => {
    const client = clientOf(answering().transport)
    expect(() => createUserTokenSources({ client, keepForMs: keepForMs as never })).toThrow(
      expect.objectContaining({ name: 'TypeError', option: 'keepForMs' }),
    )
  })
})

describe('boundedStoreOf', () => {
  test('rests with the tokens of the same store, once it failed', async () => {
    let asked = 0
    const get = async () => {
      asked++
      throw new Error('connection lost')
    }
    const store: TokenStore = { ...memoryStore(), secrecy: 'elsewhere', get }
    const users = createUserTokenSources({ client: clientOf(answering().transport), store })
    await expect(users.for('one').getTokenSet()).rejects.toThrow(TokenStoreError)
    await expect(users.for('two').getTokenSet()).rejects.toThrow(TokenStoreError)
    asked = 0
    await expect(boundedStoreOf(store).get('mine')).rejects.toMatchObject({ code: 'ERR_TOKEN_STORE', retryable: true })
    expect(asked).toBe(0)
  })

  test('is the store itself within the process, and refuses what would keep records in the clear', () => {
    const store = memoryStore()
    expect(boundedStoreOf(store)).toBe(store)
    const clear: TokenStore = { ...store, secrecy: undefined }
    expect(() => boundedStoreOf(clear)).toThrow(expect.objectContaining({ option: 'store' }))
  })
})
