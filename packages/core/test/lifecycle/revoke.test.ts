import { describe, expect, test } from 'vitest'
import { clientCredentials, createTokenSource, createUserTokenSources, memoryStore } from '../../src/index.js'
import { json, refuse, rotate, setUp } from '../scripted-server.js'

const revocation_endpoint = 'https://as.example/revoke'

function begin(conform = {}) {
  const { server, another, client } = setUp(rotate(), {}, conform)
  const metadata = { ...client.provider.metadata, revocation_endpoint }
  const known = another({ provider: { ...client.provider, metadata } })
  const store = memoryStore()
  const alice = createUserTokenSources({ client: known, store }).for('alice')
  const revoked = () => server.requests.filter(({ url }) => url === revocation_endpoint).map(({ form }) => form)
  const serving = (answer: ReturnType<typeof refuse>) => {
    server.answer = request => (request.url === revocation_endpoint ? answer(request) : rotate()(request))
  }
  serving(() => json(200, {}))
  return { alice, client: known, revoked, serving, server }
}

describe('revoke()', () => {
  test('revokes the refresh token that is held now, and forgets', async () => {
    const { alice, revoked } = begin()
    await alice.import({ refreshToken: 'r-0' })
    await alice.getTokenSet()
    await alice.revoke()
    expect(revoked()).toEqual([{ token: 'refresh-1', token_type_hint: 'refresh_token' }])
    await expect(alice.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED', reason: 'forgotten' })
  })

  test('waits for a refresh under way, and revokes what it has brought', async () => {
    const { alice, revoked, server } = begin()
    await alice.import({ refreshToken: 'r-0' })
    const refreshed = alice.getTokenSet()
    await server.arrived(1)
    await alice.revoke()
    await refreshed
    expect(revoked()).toEqual([{ token: 'refresh-1', token_type_hint: 'refresh_token' }])
  })

  test('forgets nothing when the server cannot do it now', async () => {
    const { alice, revoked, serving } = begin()
    await alice.import({ refreshToken: 'r-0' })
    await alice.getTokenSet()
    serving(refuse(503, 'temporarily_unavailable'))
    await expect(alice.revoke()).rejects.toMatchObject({ serverStatus: 503, retryable: true })
    expect((await alice.getTokenSet()).accessToken).toBe('token-1')
    serving(() => json(200, {}))
    await alice.revoke()
    expect(revoked()).toHaveLength(2)
  })

  test('waits for another process no longer than until the source is closed', async () => {
    const { client, revoked } = begin()
    const { watch: _, ...store } = memoryStore()
    const users = createUserTokenSources({ client, store: { ...store, lease: async () => false } })
    await users.for('alice').import({ refreshToken: 'r-0' })
    const revoking = expect(users.for('alice').revoke()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await users.close()
    await revoking
    expect(revoked()).toEqual([])
  })

  test('revokes the access token where there is no refresh token', async () => {
    const { client, revoked, server } = begin()
    const tokens = createTokenSource({ client, grant: clientCredentials(), store: memoryStore() })
    const { accessToken } = await tokens.getTokenSet()
    await tokens.revoke()
    expect(revoked()).toEqual([{ token: accessToken, token_type_hint: 'access_token' }])
    expect((await tokens.getTokenSet()).accessToken).not.toBe(accessToken)
    expect(server.requests).toHaveLength(3)
  })

  test('does nothing where it would end the consent, unless that is meant', async () => {
    const { alice, revoked } = begin({ revocationEndsConsent: true })
    await alice.import({ refreshToken: 'r-0' })
    await expect(alice.revoke()).rejects.toMatchObject({ option: 'endsConsent' })
    expect(revoked()).toEqual([])
    await alice.revoke({ endsConsent: true })
    expect(revoked()).toEqual([{ token: 'r-0', token_type_hint: 'refresh_token' }])
  })
})
