/** While processes of two releases share a store: what the later one keeps in a record, the earlier one leaves in it. */
import { describe, expect, test } from 'vitest'
import type { LineageRecord } from '../../src/lifecycle/record.js'
import { isMissing, keepForMs } from '../../src/lifecycle/worth.js'
import { json } from '../scripted-server.js'
import { accessTokenOf, machines, outcomeOf, rotating } from './processes.js'

type Json = Record<string, unknown>

const further = { madeBy: 'a later release', list: [1, { two: 2 }] }

/** Alice's record after a refresh, with members of a later release wherever there can be some. */
async function recordFromTheFuture() {
  const setup = machines(rotating().answer)
  let key = ''
  const compareAndSet: (typeof setup.backend)['compareAndSet'] = (...call) => {
    key = call[0]
    return setup.backend.compareAndSet(...call)
  }
  const process = setup.start({}, { compareAndSet })
  const user = process.user()
  await user.import({ refreshToken: 'refresh-0' })
  await user.getTokenSet()
  const read = async () => JSON.parse((await setup.backend.get(key))?.value ?? '{}') as Json
  const rewrite = async (change: (record: Json) => Json) => {
    const before = await setup.backend.get(key)
    const value = JSON.stringify(change(JSON.parse(before?.value ?? '{}')))
    await setup.backend.compareAndSet(key, before?.version, {
      version: `later-${before?.version}`,
      value,
      keepForMs: undefined,
    })
  }
  const elsewhere = { accessToken: 'of another scope', obtainedAt: setup.clock.now(), missingScope: [], ...further }
  await rewrite(record => ({
    ...record,
    ...further,
    accessTokens: { ...(record.accessTokens as Json), elsewhere },
  }))
  return { ...setup, user, elsewhere, read, rewrite }
}

describe('members of a later release stay in the record', () => {
  test('when its token is renewed', async () => {
    const { user, read, elsewhere } = await recordFromTheFuture()
    expect((await user.getTokenSet({ force: true })).accessToken).toBe('token-2')
    const record = await read()
    expect(record).toMatchObject({ refreshToken: 'refresh-2', ...further })
    expect(record.accessTokens).toMatchObject({ elsewhere })
  })

  test('when a refresh fails and comes again, those about its use with them', async () => {
    const { user, read, rewrite, server, clock } = await recordFromTheFuture()
    server.answer = () => json(503, {})
    await outcomeOf(user.getTokenSet({ force: true }))
    await rewrite(record => ({ ...record, sending: { ...(record.sending as Json), ...further } }))
    expect(await read()).toMatchObject({ sending: { failures: 1, ...further } })

    clock.advance(60_000)
    await outcomeOf(user.getTokenSet({ force: true }))
    expect(await read()).toMatchObject({ sending: { failures: 2, ...further }, ...further })
  })

  test('when an API rejects a token', async () => {
    const { user, read, elsewhere } = await recordFromTheFuture()
    await user.drop('token-1')
    const record = await read()
    expect(record).toMatchObject({ refreshToken: 'refresh-1', ...further })
    expect(record.accessTokens).toEqual({ elsewhere })
  })

  test('when the session ends', async () => {
    const { user, read, server, elsewhere } = await recordFromTheFuture()
    server.answer = () => json(400, { error: 'invalid_grant' })
    await expect(user.getTokenSet({ force: true })).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
    const record = await read()
    expect(record).toMatchObject({ ended: 'invalid_grant', ...further })
    expect(record.accessTokens).toMatchObject({ elsewhere })
  })

  test('and go with a new login, or when the tokens are forgotten', async () => {
    const { user, read, rewrite } = await recordFromTheFuture()
    await user.import({ refreshToken: 'of a new login' })
    expect(await read()).not.toHaveProperty('madeBy')
    await rewrite(record => ({ ...record, ...further }))
    await user.forget()
    expect(await read()).not.toHaveProperty('madeBy')
  })
})

test('a record with nothing but members of a later release is one all the same', () => {
  const record: LineageRecord = { accessTokens: {}, spent: [], origins: [], ...further }
  expect(isMissing(record)).toBe(false)
  expect(keepForMs(record, 0)).toBe(24 * 3_600_000)
})

test('a record of a later release serves processes of both', async () => {
  const { user, start } = await recordFromTheFuture()
  expect(await accessTokenOf(user)).toBe('token-1')
  expect(await accessTokenOf(start().user())).toBe('token-1')
})
