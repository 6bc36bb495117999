/** A grant that shrinks, by what refreshes bring. */
import { describe, expect, test } from 'vitest'
import { authorizationCode, createUserTokenSources, memoryStore } from '../../src/index.js'
import { issue, rotate, type Setup, setUp } from '../scripted-server.js'

const narrowings = ({ events }: Setup) => events.filter(({ type }) => type === 'scope_narrowed')
const code = { code: 'a-code', redirectUri: 'https://app.example/callback', codeVerifier: 'v'.repeat(43) }

/** Alice, logged in with `read write`; refreshes bring what `setup.server.answer` says. */
async function loggedIn(scope?: string) {
  const setup = setUp(rotate({ scope: 'read write' }))
  const users = createUserTokenSources({ client: setup.client, store: memoryStore(), scope })
  const alice = users.for('alice')
  await alice.redeem(authorizationCode(code))
  return { setup, alice }
}

describe('a refresh', () => {
  test('asks for no scope unless told to, whatever the code was redeemed for', async () => {
    const setup = setUp(rotate({ scope: 'read write' }))
    const alice = createUserTokenSources({ client: setup.client }).for('alice')
    await alice.redeem(authorizationCode({ ...code, scope: 'read write' }))
    await alice.getTokenSet({ force: true })
    await alice.getTokenSet({ force: true })
    const [, ...refreshes] = setup.server.requests
    expect(refreshes.map(({ form }) => [form.grant_type, 'scope' in form])).toEqual(
      Array(2).fill(['refresh_token', false]),
    )
  })

  test('that brings less scope than there was is told, once', async () => {
    const { setup, alice } = await loggedIn()
    setup.server.answer = rotate({ scope: 'read' })
    const { scope } = await alice.getTokenSet({ force: true })
    expect(scope).toBe('read')
    const told = {
      type: 'scope_narrowed',
      level: 'warn',
      at: setup.clock.now(),
      provider: 'example',
      clientId: setup.client.id,
      subject: 'alice',
      requestId: expect.any(String),
      scope: 'read',
      lostScope: ['write'],
    }
    expect(narrowings(setup)).toEqual([told])
    await alice.getTokenSet({ force: true })
    expect(narrowings(setup)).toHaveLength(1)
  })

  test('is compared with a token that an API rejected, too', async () => {
    const { setup, alice } = await loggedIn()
    setup.server.answer = rotate({ scope: 'write' })
    const { accessToken } = await alice.getTokenSet()
    await alice.getTokenSet({ rejected: accessToken })
    expect(narrowings(setup)).toMatchObject([{ lostScope: ['read'] }])
  })

  test('is compared with a token that is over', async () => {
    const { setup, alice } = await loggedIn()
    setup.server.answer = rotate({ scope: 'read' })
    setup.clock.advance(7_200_000)
    await alice.getTokenSet()
    expect(narrowings(setup)).toMatchObject([{ lostScope: ['write'] }])
  })

  test('that brings as much, in another order, or more, is nothing to tell', async () => {
    const { setup, alice } = await loggedIn()
    for (const scope of ['write read', 'read write more', undefined]) {
      setup.server.answer = rotate({ scope })
      await alice.getTokenSet({ force: true })
    }
    expect(narrowings(setup)).toEqual([])
  })

  test('that brings the less that was asked for is nothing to tell', async () => {
    const { setup, alice } = await loggedIn('read')
    setup.server.answer = rotate({ scope: 'read' })
    await alice.getTokenSet({ force: true })
    expect(setup.server.requests.at(-1)?.form.scope).toBe('read')
    expect(narrowings(setup)).toEqual([])
  })

  test('that brings less than was asked for and there before is told', async () => {
    const { setup, alice } = await loggedIn('write read')
    setup.server.answer = rotate({ scope: 'read' })
    await alice.getTokenSet({ force: true })
    expect(narrowings(setup)).toMatchObject([{ scope: 'read', lostScope: ['write'] }])
  })
})

test('two sources of one subject with different scope, where asking for less shrinks the grant: the other is told', async () => {
  let granted = ['read', 'write']
  const setup = setUp(request => {
    if (request.form.scope !== undefined) granted = granted.filter(one => request.form.scope?.split(' ').includes(one))
    return issue({ refresh_token: `refresh-${request.number}`, scope: granted.join(' ') })(request)
  })
  const store = memoryStore()
  const all = createUserTokenSources({ client: setup.client, store }).for('alice')
  const reading = createUserTokenSources({ client: setup.client, store, scope: 'read' }).for('alice')
  await all.redeem(authorizationCode(code))
  await reading.getTokenSet()
  expect(narrowings(setup)).toEqual([])
  await all.getTokenSet({ force: true })
  expect(narrowings(setup)).toMatchObject([{ subject: 'alice', scope: 'read', lostScope: ['write'] }])
})
