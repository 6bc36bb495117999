/** RFC 8707: the API that tokens are for stands on the token request of the login and on each refresh alike. */
import { describe, expect, test } from 'vitest'
import { authorizationCode, createUserTokenSources, memoryStore, type Transport } from '../src/index.js'
import { rotate, setUp } from './scripted-server.js'

const accounts = 'https://accounts.example/api'
const payments = 'https://payments.example/api'
const code = (resource?: string | readonly string[]) =>
  authorizationCode({ code: 'c', redirectUri: 'https://app.example', resource })

function begin() {
  const { server, another } = setUp(rotate())
  /** What each request asked for, by what it showed. */
  const asked: string[] = []
  const transport: Transport = request => {
    const form = new URLSearchParams(String(request.body))
    asked.push([form.get('grant_type'), ...form.getAll('resource')].join(' '))
    return server.transport(request)
  }
  const client = another({ transport })
  const store = memoryStore()
  const users = (resource?: string | readonly string[]) => createUserTokenSources({ client, store, resource })
  return { users, asked }
}

describe('the resource that sources are for', () => {
  test('is asked for at login, and on each refresh', async () => {
    const { users, asked } = begin()
    const alice = users(accounts).for('alice')
    await alice.redeem(code())
    await alice.getTokenSet({ force: true })
    await alice.getTokenSet({ force: true })
    expect(asked).toEqual([`authorization_code ${accounts}`, ...Array(2).fill(`refresh_token ${accounts}`)])
  })

  test('is asked for with tokens from elsewhere too', async () => {
    const { users, asked } = begin()
    const alice = users([accounts, payments]).for('alice')
    await alice.import({ refreshToken: 'r-0' })
    await alice.getTokenSet()
    expect(asked).toEqual([`refresh_token ${accounts} ${payments}`])
  })

  test('tells its tokens from those of another one; the refresh token is the same', async () => {
    const { users, asked } = begin()
    await users(accounts)
      .for('alice')
      .redeem(code([accounts, payments]))
    const first = await users(accounts).for('alice').getTokenSet()
    const other = await users(payments).for('alice').getTokenSet()
    expect(other.accessToken).not.toBe(first.accessToken)
    expect(await users([accounts]).for('alice').getTokenSet()).toMatchObject({ accessToken: first.accessToken })
    // a login for several is redeemed for one of them
    expect(asked).toEqual([`authorization_code ${accounts}`, `refresh_token ${payments}`])
  })

  test('is the same in any order', async () => {
    const { users, asked } = begin()
    await users([accounts, payments]).for('alice').redeem(code())
    await users([payments, accounts, payments]).for('alice').getTokenSet()
    expect(asked).toEqual([`authorization_code ${accounts} ${payments}`])
  })

  test('cannot be another one than the login was for: nothing is sent', async () => {
    const { users, asked } = begin()
    await expect(users(payments).for('alice').redeem(code(accounts))).rejects.toMatchObject({
      code: 'ERR_OPTION',
      option: 'resource',
    })
    expect(asked).toEqual([])
  })

  test.each(['', 7, [''], 'api'])('is refused when it is none: %j', resource => {
    expect(() => begin().users(resource as never)).toThrow(expect.objectContaining({ option: 'resource' }))
  })
})

describe('the resource that a login named', () => {
  test('is asked for on each refresh, though the sources name none', async () => {
    const { users, asked } = begin()
    const alice = users().for('alice')
    await alice.redeem(code([accounts, payments]))
    await alice.getTokenSet({ force: true })
    // also by those who were not there
    await users().for('alice').getTokenSet({ force: true })
    const refreshed = `refresh_token ${accounts} ${payments}`
    expect(asked).toEqual([`authorization_code ${accounts} ${payments}`, refreshed, refreshed])
  })

  test('is not that of the next login', async () => {
    const { users, asked } = begin()
    const alice = users().for('alice')
    await alice.redeem(code(accounts))
    await alice.redeem(code())
    await alice.getTokenSet({ force: true })
    expect(asked).toEqual([`authorization_code ${accounts}`, 'authorization_code', 'refresh_token'])
  })
})
