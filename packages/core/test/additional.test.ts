import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { additionalMembers, withMembersBefore } from '../src/additional.js'
import { createTokenSource, createUserTokenSources } from '../src/create-token-source.js'
import { authorizationCode } from '../src/grants/authorization-code.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import { memoryStore } from '../src/store/memory-store.js'
import type { TokenStore } from '../src/store/token-store.js'
import { rotate, setUp } from './scripted-server.js'

const members = { instance_url: 'https://eu7.example', consent: { id: 'marker-c1', accounts: [1, null, true] } }

test('an application reads them from its token set', async () => {
  const { client } = setUp(rotate(members))
  const { additional } = await createTokenSource({ client, grant: clientCredentials() }).getTokenSet()
  expect(additional).toEqual(members)
})

test('they can be read after a restart, and those of the login stay when a refresh does not name them', async () => {
  const store = memoryStore()
  const { client, another, server } = setUp(rotate(members))
  const alice = createUserTokenSources({ client, store }).for('alice')
  await alice.redeem(authorizationCode({ code: 'c' }))
  server.answer = rotate({ instance_url: 'https://eu8.example' })
  const { additional } = await alice.getTokenSet({ force: true })
  expect(additional).toEqual({ ...members, instance_url: 'https://eu8.example' })

  const elsewhere: TokenStore = { ...store, get: key => store.get(key) }
  const again = createUserTokenSources({ client: another(), store: elsewhere }).for('alice')
  const restarted = (await again.getTokenSet()).additional
  expect(restarted).toEqual(additional)
  expect(Object.isFrozen(restarted.consent)).toBe(true)
  expect(server.requests).toHaveLength(2)
})

test('a new login begins without those of the one before', async () => {
  const { client, server } = setUp(rotate(members))
  const alice = createUserTokenSources({ client, store: memoryStore() }).for('alice')
  await alice.redeem(authorizationCode({ code: 'c' }))
  server.answer = rotate()
  expect((await alice.redeem(authorizationCode({ code: 'd' }))).additional).toEqual({})
})

test('printing shows none of them', async () => {
  const { client } = setUp(rotate(members))
  const tokenSet = await createTokenSource({ client, grant: clientCredentials() }).getTokenSet()
  const ways = [
    inspect(tokenSet, { showHidden: true, depth: 9 }),
    JSON.stringify(tokenSet),
    JSON.stringify({ ...tokenSet }),
  ]
  for (const text of ways) expect(text).not.toMatch(/marker|instance_url/)
})

test('what has a place of its own, and what is a secret by its name, is not among them, at any depth', () => {
  const answer = {
    access_token: 'a',
    accessToken: 'a',
    refresh_token: 'r',
    id_token: 'i',
    token_type: 'Bearer',
    expires_in: 1,
    scope: 's',
    device_secret: 'd',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    authed_user: { id: 'U1', access_token: 'x' },
  }
  expect(additionalMembers(answer)).toEqual({ issued_token_type: answer.issued_token_type, authed_user: { id: 'U1' } })
})

test('they come from the answer itself and from what a mapping made of it', () => {
  expect(additionalMembers({ tenantId: 't', data: [{ n: 1 }] }, { tenant: 't' })).toEqual({
    tenantId: 't',
    data: [{ n: 1 }],
    tenant: 't',
  })
})

test('they are bounded: what does not fit is left out, and so is what JSON has no word for', () => {
  const large = 'x'.repeat(9_000)
  const odd = { undefined, function: () => 1, bigint: 1n, symbol: Symbol('s') }
  expect(additionalMembers({ first: 1, large, last: 2, ...odd })).toEqual({ first: 1, last: 2 })
  const before = additionalMembers(Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`m${n}`, 'x'.repeat(100)])))
  const after = withMembersBefore(before, additionalMembers({ n: 'y'.repeat(5_000) }))
  expect(after).toHaveProperty('n')
  expect(JSON.stringify(after).length).toBeLessThan(9_000)
})

test('a member named __proto__ changes no object', () => {
  const { additional } = { additional: additionalMembers(JSON.parse('{"__proto__":{"a":1},"b":2}')) }
  expect([additional.a, additional.b]).toEqual([undefined, 2])
})

test('a record of an older version, without them, is read', async () => {
  const store = memoryStore()
  const { client, another } = setUp(rotate())
  await createTokenSource({ client, grant: clientCredentials(), store }).getTokenSet()
  const elsewhere: TokenStore = { ...store, get: key => store.get(key) }
  const source = createTokenSource({ client: another(), grant: clientCredentials(), store: elsewhere })
  expect((await source.getTokenSet()).additional).toEqual({})
})

test('of those without an end no more are looked at than fit', () => {
  let looks = 0
  const value = {
    get one() {
      return looks++
    },
  }
  const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`m${index}`, value]))
  expect(Object.keys(additionalMembers(many)).length).toBeLessThan(1_000)
  looks = 0
  expect(additionalMembers({ list: Array(500_000).fill(value), last: 'fits' })).toEqual({ last: 'fits' })
  expect(looks).toBeLessThan(10_000)
})
