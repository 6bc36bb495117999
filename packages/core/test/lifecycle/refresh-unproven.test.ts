/** A refresh token that was imported without a DPoP key, at a server that may want a proof with it (RFC 9449 §5). */
import { expect, test } from 'vitest'
import { dpopKey } from '../../src/dpop.js'
import { type ClientOptions, createUserTokenSources, memoryStore } from '../../src/index.js'
import { emptyRecord, marked, refusedUnproven, unknown } from '../../src/lifecycle/record.js'
import { json, refuse, setUp, start } from '../scripted-server.js'

/** Says `invalid_grant` of whatever comes without a proof; tells that it knows of DPoP. */
function begin() {
  const { client, another, clock, server } = setUp(request =>
    request.headers.dpop === undefined
      ? refuse(400, 'invalid_grant')(request)
      : json(200, { access_token: 'proven', token_type: 'DPoP', expires_in: 3600 }),
  )
  const metadata = { ...client.provider.metadata, dpop_signing_alg_values_supported: ['ES256'] }
  const store = memoryStore()
  const userOf = (options: Partial<ClientOptions> = {}) =>
    createUserTokenSources({
      client: another({ provider: { ...client.provider, metadata }, ...options }),
      store,
    }).for('alice')
  return { userOf, clock, server }
}
const loginRequired = {
  code: 'ERR_LOGIN_REQUIRED',
  reason: 'invalid_grant',
  cause: expect.objectContaining({ error: 'invalid_grant' }),
}

test('is not sent again without a key once it was refused, and waits for a client that has one', async () => {
  const { userOf, clock, server } = begin()
  const user = userOf()
  await user.import({ refreshToken: 'imported' })
  await expect(user.getTokenSet()).rejects.toMatchObject(loginRequired)
  clock.advance(3_600_000)
  const { cause: _, ...again } = loginRequired
  await expect(user.getTokenSet()).rejects.toMatchObject(again)
  expect(server.requests).toHaveLength(1)
  expect((await userOf({ dpop: dpopKey() }).getTokenSet()).accessToken).toBe('proven')
  expect(server.requests.map(({ form }) => form.refresh_token)).toEqual(['imported', 'imported'])
})

test('is dead when it is refused, where the client is registered to need no proof', async () => {
  const { userOf, server } = begin()
  const user = userOf({ metadata: { dpop_bound_access_tokens: false } })
  await user.import({ refreshToken: 'imported' })
  await expect(user.getTokenSet()).rejects.toMatchObject(loginRequired)
  await expect(userOf({ dpop: dpopKey() }).getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED' })
  expect(server.requests).toHaveLength(1)
})

test('keeps the count of sends whose outcome is not known, and why it was refused', () => {
  const failure = { status: 400, error: 'invalid_grant' }
  const sent = marked({ ...emptyRecord, refreshToken: 'imported', unproven: 'imported' }, 'a holder', start)
  const sentAgain = marked(unknown(sent, { restUntil: start }), 'a holder', start)
  expect(refusedUnproven(sentAgain, { failure, failures: 2 })).toMatchObject({
    refreshToken: 'imported',
    unproven: 'refused',
    sending: { sends: 1, failure },
  })
})
