/** Proofs at the server's endpoints (RFC 9449 §4, §5, §8). */
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { dpopKey } from '../src/dpop.js'
import { requestTokenSet } from '../src/endpoints/token.js'
import { authorizationCode } from '../src/grants/authorization-code.js'
import { clientCredentials } from '../src/grants/client-credentials.js'
import { refreshToken } from '../src/grants/refresh-token.js'
import { createTokenSource, createUserTokenSources, defineProvider, none } from '../src/index.js'
import { type Answer, json, type ScriptedServer, setUp as setUpServer } from './scripted-server.js'

const issueDpop: Answer = ({ number }) =>
  json(200, {
    access_token: `token-${number}`,
    token_type: 'DPoP',
    expires_in: 3600,
    refresh_token: `refresh-${number}`,
  })

const wantNonce = (nonce: string, error = 'use_dpop_nonce', status = 400) =>
  json(status, { error }, { 'DPoP-Nonce': nonce })

/** A server that takes proofs with its nonce alone. */
const wanting =
  (nonce: string, answer: Answer = issueDpop): Answer =>
  request =>
    proofOf(request).nonce === nonce ? answer(request) : wantNonce(nonce)

function proofOf({ headers }: { readonly headers: Readonly<Record<string, string>> }) {
  return decodeJwt(headers.dpop as string)
}

const setUp = (answer: Answer = issueDpop, options: Parameters<typeof setUpServer>[1] = {}) =>
  setUpServer(answer, { dpop: dpopKey(), ...options })

const noncesOf = ({ requests }: ScriptedServer) => requests.map(request => proofOf(request).nonce)

const code = () => authorizationCode({ code: 'c', redirectUri: 'https://app.example/cb', codeVerifier: 'v'.repeat(43) })

describe('a token request', () => {
  test('carries a proof of its own, by the clock of the client', async () => {
    const { client, server, clock } = setUp()
    const tokenSet = await requestTokenSet(client, clientCredentials())
    await requestTokenSet(client, clientCredentials())
    const proofs = server.requests.map(proofOf)
    expect(proofs[0]).toEqual({
      jti: expect.any(String),
      htm: 'POST',
      htu: 'https://as.example/token',
      iat: Math.floor(clock.now() / 1000),
    })
    expect(proofs[0]?.jti).not.toBe(proofs[1]?.jti)
    expect(tokenSet).toMatchObject({ tokenType: 'DPoP', jkt: client.dpop?.thumbprint })
  })

  test('carries none without a key', async () => {
    const { client, server } = setUpServer()
    await requestTokenSet(client, clientCredentials())
    expect(server.requests[0]?.headers.dpop).toBeUndefined()
  })

  test('carries another one when it is sent once more', async () => {
    const { client, server } = setUp(({ number }) => {
      if (number === 1) throw new Error('lost')
      return issueDpop({ number } as never)
    })
    await requestTokenSet(client, clientCredentials())
    const [first, second] = server.requests.map(proofOf)
    expect(server.requests).toHaveLength(2)
    expect(first?.jti).not.toBe(second?.jti)
  })

  const grants = {
    clientCredentials: clientCredentials(),
    refreshToken: refreshToken({ refreshToken: 'r' }),
    code: code(),
  }
  for (const [name, grant] of Object.entries(grants))
    test(`by ${name} is sent once more with the nonce that the server wants`, async () => {
      const { client, server } = setUp(wanting('n-1'))
      await requestTokenSet(client, grant)
      expect(noncesOf(server)).toEqual([undefined, 'n-1'])
      await requestTokenSet(client, grant)
      expect(noncesOf(server)).toEqual([undefined, 'n-1', 'n-1'])
    })

  test('has the nonce that came with a success', async () => {
    const { client, server } = setUp(({ number }) =>
      json(200, { access_token: 'a', token_type: 'dpop', expires_in: 60 }, { 'dpop-nonce': `n-${number}` }),
    )
    for (let times = 0; times < 3; times++) await requestTokenSet(client, clientCredentials())
    expect(noncesOf(server)).toEqual([undefined, 'n-1', 'n-2'])
  })

  test('is sent twice at most, to a server that is never content', async () => {
    const { client, server } = setUp(({ number }) => wantNonce(`n-${number}`))
    await expect(requestTokenSet(client, code())).rejects.toMatchObject({
      error: 'use_dpop_nonce',
      kind: 'invalid_dpop_proof',
      retryable: false,
    })
    expect(server.requests).toHaveLength(2)
  })

  test('is sent once, where no new nonce comes with the refusal', async () => {
    const { client, server } = setUp(() => json(400, { error: 'use_dpop_nonce' }))
    await expect(requestTokenSet(client, clientCredentials())).rejects.toMatchObject({ kind: 'invalid_dpop_proof' })
    expect(server.requests).toHaveLength(1)
  })

  for (const error of ['invalid_dpop_proof', 'invalid_grant'])
    test(`is sent once more where a server says ${error} for want of its nonce`, async () => {
      const { client, server } = setUp(request =>
        proofOf(request).nonce === 'n-1' ? issueDpop(request) : wantNonce('n-1', error),
      )
      await requestTokenSet(client, code())
      expect(noncesOf(server)).toEqual([undefined, 'n-1'])
    })

  test('is not sent again for another reason, whatever nonce comes with it', async () => {
    const { client, server } = setUp(() => wantNonce('n-1', 'invalid_request'))
    await expect(requestTokenSet(client, code())).rejects.toMatchObject({ error: 'invalid_request' })
    expect(server.requests).toHaveLength(1)
  })

  test('is not sent again after an answer that is no refusal, whatever nonce comes with it', async () => {
    const { client, server } = setUp(() => json(200, {}, { 'dpop-nonce': 'n-1' }))
    await expect(requestTokenSet(client, code())).rejects.toMatchObject({ code: 'ERR_TOKEN_RESPONSE' })
    expect(server.requests).toHaveLength(1)
  })

  test('is not sent again for invalid_grant where the proof had a nonce, whatever nonce comes with it', async () => {
    const { client, server } = setUp(request =>
      proofOf(request).nonce === 'n-1'
        ? json(400, { error: 'invalid_grant' }, { 'dpop-nonce': 'n-2' })
        : wantNonce('n-1'),
    )
    await expect(requestTokenSet(client, code())).rejects.toMatchObject({ kind: 'invalid_grant' })
    expect(server.requests).toHaveLength(2)
  })

  test('shows its proof in no error, should the server repeat it', async () => {
    const { client } = setUp(({ headers }) =>
      json(400, { error: 'invalid_dpop_proof', error_description: `got ${headers.dpop}` }),
    )
    const error = await requestTokenSet(client, clientCredentials()).catch(error => error)
    expect(error.message).toContain('invalid_dpop_proof: got [redacted]')
  })
})

describe('a Bearer token in answer to a proof', () => {
  const bearer: Answer = () =>
    json(200, { access_token: 'a', token_type: 'Bearer', expires_in: 60, refresh_token: 'r-2' })
  const knowing = defineProvider({
    name: 'example',
    metadata: {
      issuer: 'https://as.example',
      token_endpoint: 'https://as.example/token',
      dpop_signing_alg_values_supported: ['ES256'],
    },
  })
  const refused = { code: 'ERR_VALIDATION', check: 'token_type' }
  const ask = (options: Parameters<typeof setUp>[1]) =>
    requestTokenSet(setUp(bearer, options).client, clientCredentials())

  test('is taken from a server that knows nothing of DPoP', async () => {
    expect(await ask({})).toMatchObject({ tokenType: 'Bearer', jkt: undefined })
  })

  test('is refused from one that does, and from any where the client is registered for bound tokens', async () => {
    await expect(ask({ provider: knowing })).rejects.toMatchObject(refused)
    await expect(ask({ metadata: { dpop_bound_access_tokens: true } })).rejects.toMatchObject(refused)
  })

  test('is taken where the client is registered for others', async () => {
    const metadata = { dpop_bound_access_tokens: false }
    expect(await ask({ provider: knowing, metadata })).toMatchObject({ tokenType: 'Bearer' })
  })

  test('loses no refresh token that came with it', async () => {
    const { client, server, clock } = setUp(bearer, { provider: knowing })
    const user = createUserTokenSources({ client }).for('alice')
    await user.import({ refreshToken: 'r-1' })
    await expect(user.getTokenSet()).rejects.toMatchObject(refused)
    clock.advance(60_000)
    server.answer = issueDpop
    expect((await user.getTokenSet()).tokenType).toBe('DPoP')
    expect(server.requests.map(({ form }) => form.refresh_token)).toEqual(['r-1', 'r-2'])
  })
})

describe('a nonce that is wanted', () => {
  test('makes nobody rest, and tells of one request', async () => {
    const { client, server, events } = setUp(wanting('n-1'))
    const source = createTokenSource({ client, grant: clientCredentials() })
    expect((await source.getTokenSet()).accessToken).toBe('token-2')
    expect(server.requests).toHaveLength(2)
    expect(events.map(({ type }) => type)).toEqual(['token_requested', 'token_received', 'token_awaited'])
  })

  test('spends no refresh token', async () => {
    const { client, server } = setUp(wanting('n-1'))
    const user = createUserTokenSources({ client }).for('alice')
    await user.import({ refreshToken: 'refresh-0' })
    await user.getTokenSet()
    await user.getTokenSet({ force: true })
    expect(server.requests.map(({ form }) => form.refresh_token)).toEqual(['refresh-0', 'refresh-0', 'refresh-2'])
    expect(noncesOf(server)).toEqual([undefined, 'n-1', 'n-1'])
  })
})

describe('a session', () => {
  const refusals: Readonly<Record<string, object>> = {
    invalid_dpop_proof: { error: 'invalid_dpop_proof' },
    use_dpop_nonce: { error: 'use_dpop_nonce' },
    'invalid_grant that speaks of the proof': {
      error: 'invalid_grant',
      error_description: 'DPoP proof JWT not provided',
    },
  }
  for (const [name, body] of Object.entries(refusals))
    test(`outlives ${name}`, async () => {
      const { client, server, clock } = setUp(() => json(400, body))
      const user = createUserTokenSources({ client }).for('alice')
      await user.import({ refreshToken: 'refresh-0' })
      for (let times = 0; times < 5; times++) {
        await expect(user.getTokenSet()).rejects.toMatchObject({ kind: 'invalid_dpop_proof' })
        clock.advance(120_000)
      }
      server.answer = issueDpop
      expect((await user.getTokenSet()).tokenType).toBe('DPoP')
    })

  test('of a public client is not ended by a proof with another key: the refresh token is not sent', async () => {
    const { client, server, another } = setUp(issueDpop, { auth: none() })
    await createUserTokenSources({ client }).for('bob').redeem(code())
    for (const other of [another({ dpop: dpopKey() }), another({ dpop: undefined })]) {
      const user = createUserTokenSources({ client: other }).for('bob')
      await expect(user.getTokenSet()).rejects.toMatchObject({ code: 'ERR_LOGIN_REQUIRED', reason: 'other_dpop_key' })
    }
    expect(server.requests).toHaveLength(1)
    const again = createUserTokenSources({ client: another() }).for('bob')
    expect((await again.getTokenSet({ force: true })).accessToken).toBe('token-2')
  })

  test('of a client with credentials goes on with another key, and not without one', async () => {
    const { client, server, another } = setUp()
    await createUserTokenSources({ client }).for('bob').redeem(code())
    const without = createUserTokenSources({ client: another({ dpop: undefined }) }).for('bob')
    await expect(without.getTokenSet()).rejects.toMatchObject({ reason: 'other_dpop_key' })
    const other = createUserTokenSources({ client: another({ dpop: dpopKey() }) }).for('bob')
    expect((await other.getTokenSet()).accessToken).toBe('token-2')
    expect(server.requests.map(({ form }) => form.grant_type)).toEqual(['authorization_code', 'refresh_token'])
  })
})
