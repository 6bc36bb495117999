/** The client assertion: what it says, who signs it, how often (providers.md, 1.5). */
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import {
  AuthorizationServerError,
  authorizationCode,
  type Client,
  clientCredentials,
  createTokenSource,
  jwkThumbprint,
  requestTokenSet,
} from '@grantkit/core'
import { rejection } from '@grantkit/testing'
import { describe, expect, test } from 'vitest'
import { assertionOf, startOpenBanking } from './open-banking.js'

const grant = clientCredentials({ scope: 'accounts' })

async function refusal(client: Client): Promise<AuthorizationServerError> {
  const error = await rejection(requestTokenSet(client, grant))
  expect(error).toBeInstanceOf(AuthorizationServerError)
  return error as AuthorizationServerError
}

describe('header and claims', () => {
  test('are those of the documentation', async () => {
    await using bank = await startOpenBanking()
    await requestTokenSet(bank.client(), grant)
    const { at } = bank.lastTokenRequest()
    const { header, claims } = assertionOf(bank.lastTokenRequest())
    const { clientId, kid, tokenEndpoint } = bank.system
    expect(header).toEqual({ alg: 'PS256', kid, typ: 'JWT' })
    expect(Object.keys(claims).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sub'])
    expect(claims).toMatchObject({ iss: clientId, sub: clientId, aud: tokenEndpoint })
    expect(claims.iat).toBeLessThanOrEqual(at / 1000)
    expect(claims.exp - claims.iat).toBe(900)
  })

  test('typ can be another', async () => {
    await using bank = await startOpenBanking()
    await requestTokenSet(bank.client({ auth: bank.auth({ typ: 'client-authentication+jwt' }) }), grant)
    expect(assertionOf(bank.lastTokenRequest()).header.typ).toBe('client-authentication+jwt')
  })

  test('there is no nbf, which a server without skew would refuse', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.assertionSkewSeconds = 0
    await requestTokenSet(bank.client(), grant)
    expect(assertionOf(bank.lastTokenRequest()).claims).not.toHaveProperty('nbf')
  })
})

describe('the audience', () => {
  test.each(['wso2ApiManager', 'wso2IdentityServer'] as const)('is the token endpoint of %s', async which => {
    await using bank = await startOpenBanking(which)
    bank.system.settings.audiences = [bank.system.tokenEndpoint]
    await requestTokenSet(bank.client(), grant)
    expect(assertionOf(bank.lastTokenRequest()).claims.aud).toBe(bank.system.tokenEndpoint)
  })

  test('is one exact string: a trailing slash is refused, once and for all', async () => {
    await using bank = await startOpenBanking()
    const error = await refusal(bank.client({}, { audience: `${bank.system.tokenEndpoint}/` }))
    expect(error).toMatchObject({
      serverStatus: 400,
      error: 'invalid_request',
      error_description: 'Failed to match audience values.',
      kind: 'terminal',
    })
    expect(bank.tokenRequests()).toHaveLength(1)
  })

  test('can be any other value', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.audiences = ['https://bank.example.com/idp']
    await requestTokenSet(bank.client({}, { audience: 'https://bank.example.com/idp' }), grant)
    expect(bank.lastTokenRequest().status).toBe(200)
  })

  test('follows the endpoint called: a refresh elsewhere has another', async () => {
    await using bank = await startOpenBanking('wso2IdentityServer')
    const { tokenEndpoint: refreshEndpoint, settings, requests } = bank.sandbox.wso2ApiManager
    settings.audiences = [refreshEndpoint]
    bank.system.settings.audiences = [bank.system.tokenEndpoint]
    const user = bank.user({}, { refreshEndpoint })
    await user.redeem(authorizationCode(bank.approved()))
    await user.getTokenSet({ force: true })
    expect(assertionOf(bank.lastTokenRequest()).claims.aud).toBe(bank.system.tokenEndpoint)
    expect(requests.map(request => assertionOf(request).claims.aud)).toEqual([refreshEndpoint])
  })

  test('can be a function of the endpoint', async () => {
    await using bank = await startOpenBanking()
    const { origin } = bank.system
    bank.system.settings.audiences = [origin]
    await requestTokenSet(bank.client({}, { audience: endpoint => new URL(endpoint).origin }), grant)
    expect(assertionOf(bank.lastTokenRequest()).claims.aud).toBe(origin)
  })
})

describe('the lifetime', () => {
  test.each([0, 300])('of 15 minutes is enough for a server with %i seconds of skew', async skew => {
    await using bank = await startOpenBanking()
    bank.system.settings.assertionSkewSeconds = skew
    await requestTokenSet(bank.client(), grant)
    expect(bank.lastTokenRequest().status).toBe(200)
  })

  test.each([60, 299])('of %i seconds is too short for a server with 300 seconds of skew', async lifetimeSeconds => {
    await using bank = await startOpenBanking()
    const error = await refusal(bank.client({ auth: bank.auth({ lifetimeSeconds }) }))
    expect(error).toMatchObject({ serverStatus: 400, error: 'invalid_request', kind: 'stale_assertion' })
    expect(error.error_description).toMatch(/^JWT Token is expired\. Expired Time: /)
  })

  test('can be another, where the server has no skew', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.assertionSkewSeconds = 0
    await requestTokenSet(bank.client({ auth: bank.auth({ lifetimeSeconds: 60 }) }), grant)
    const { exp, iat } = assertionOf(bank.lastTokenRequest()).claims
    expect(exp - iat).toBe(60)
  })

  test('starts anew with every request: after six hours the server still takes one', async () => {
    await using bank = await startOpenBanking()
    const client = bank.client()
    await requestTokenSet(client, grant)
    bank.sandbox.advance(6 * 3_600_000)
    await requestTokenSet(client, grant)
    expect(bank.lastTokenRequest().status).toBe(200)
  })
})

describe('the jti', () => {
  test('is a UUID, another one in every request', async () => {
    await using bank = await startOpenBanking()
    const client = bank.client()
    await requestTokenSet(client, grant)
    await requestTokenSet(client, grant)
    const jtis = bank.tokenRequests().map(request => assertionOf(request).claims.jti)
    expect(new Set(jtis).size).toBe(2)
    for (const jti of jtis) expect(jti).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('does not collide when twenty clients sign in the same second', async () => {
    await using bank = await startOpenBanking()
    const clock = { now: () => 1_000 * Math.floor(bank.sandbox.now() / 1_000) }
    const clients = Array.from({ length: 20 }, () => bank.client({ clock }))
    await Promise.all(clients.map(client => requestTokenSet(client, grant)))
    const jtis = bank.tokenRequests().map(request => assertionOf(request).claims.jti)
    expect(new Set(jtis).size).toBe(20)
    expect(bank.tokenRequests().every(({ status }) => status === 200)).toBe(true)
  })

  test('is new in a repetition after a lost answer, for a server that recorded the first', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.recordJtiOn = 'arrival'
    bank.system.fail({ kind: 'reset', processed: true })
    await bank.source().getTokenSet()
    const [first, second] = bank.tokenRequests().map(request => assertionOf(request).claims.jti)
    expect(bank.tokenRequests()).toHaveLength(2)
    expect(second).not.toBe(first)
  })
})

describe('a stale assertion', () => {
  test.each([
    'JWT Token with jti: 0f8d6a52 has been replayed',
    'JWT Token with JTI: 0f8d6a52 has been replayed',
    'JWT Token is expired. Expired Time: Thu Oct 09 08:53:20 UTC 2025. JWT Rejected and validation terminated',
  ])('("%s") is repeated once, signed anew', async error_description => {
    await using bank = await startOpenBanking()
    const body = JSON.stringify({ error_description, error: 'invalid_request' })
    bank.system.fail({ kind: 'status', status: 400, body })
    await bank.source().getTokenSet()
    const [first, second] = bank.tokenRequests().map(({ parameters }) => parameters.client_assertion)
    expect(bank.tokenRequests()).toHaveLength(2)
    expect(second).not.toBe(first)
  })

  test('is repeated once with a refresh token too, which was not spent', async () => {
    await using bank = await startOpenBanking()
    const user = bank.user()
    await user.redeem(authorizationCode(bank.approved()))
    const body = '{"error_description":"JWT Token with jti: 1 has been replayed","error":"invalid_request"}'
    bank.system.fail({ kind: 'status', status: 400, body })
    await user.getTokenSet({ force: true })
    expect(bank.tokenRequests().map(({ status }) => status)).toEqual([200, 400, 200])
  })

  test('is not repeated a second time', async () => {
    await using bank = await startOpenBanking()
    const body = '{"error_description":"JWT Token with jti: 1 has been replayed","error":"invalid_request"}'
    bank.system.fail({ kind: 'status', status: 400, body }, { times: 5 })
    expect(await refusal(bank.client())).toMatchObject({ kind: 'stale_assertion', retryable: false })
    expect(bank.tokenRequests()).toHaveLength(2)
  })

  test.each([
    'The jwt is too old to use.',
    'Failed to match audience values.',
    'Mandatory field :jti is missing in the JWT assertion.',
  ])('is not what "%s" means: nothing is repeated', async error_description => {
    await using bank = await startOpenBanking()
    const body = JSON.stringify({ error_description, error: 'invalid_request' })
    bank.system.fail({ kind: 'status', status: 400, body })
    expect(await refusal(bank.client())).toMatchObject({ kind: 'terminal' })
    expect(bank.tokenRequests()).toHaveLength(1)
  })
})

describe('the algorithm', () => {
  test.each(['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'] as const)(
    '%s works where it is registered',
    async alg => {
      await using bank = await startOpenBanking()
      bank.system.settings.signingAlgorithms = [alg]
      await requestTokenSet(bank.client({ auth: bank.auth({ alg }) }), grant)
      expect(assertionOf(bank.lastTokenRequest()).header.alg).toBe(alg)
    },
  )

  test('ES256 works with a key in the client’s JWKS', async () => {
    await using bank = await startOpenBanking()
    bank.system.settings.signingAlgorithms = ['PS256', 'ES256']
    const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    bank.system.clientKeys.push({ kid: 'ec-1', publicKey })
    await requestTokenSet(bank.client({ auth: bank.auth({ key, alg: 'ES256', kid: 'ec-1' }) }), grant)
    expect(bank.lastTokenRequest().status).toBe(200)
  })

  test('has to be the registered one', async () => {
    await using bank = await startOpenBanking()
    expect(await refusal(bank.client({ auth: bank.auth({ alg: 'RS256' }) }))).toMatchObject({
      serverStatus: 401,
      error: 'invalid_client',
      error_description: 'Registered algorithm does not match with the token signed algorithm',
      kind: 'invalid_client',
    })
  })

  test('has no default', async () => {
    await using bank = await startOpenBanking()
    const make = () => bank.auth({ alg: undefined as never })
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', option: 'alg' }))
  })
})

describe('the key', () => {
  test('of a client registered dynamically is looked up by kid', async () => {
    await using bank = await startOpenBanking()
    expect(await refusal(bank.client({ auth: bank.auth({ kid: 'another' }) }))).toMatchObject({
      serverStatus: 401,
      error: 'invalid_client',
      kind: 'invalid_client',
    })
  })

  test.each([undefined, 'anything'])(
    'of a client made in the portal is its certificate’s; kid may be %s',
    async kid => {
      await using bank = await startOpenBanking()
      bank.system.settings.keyLookup = 'certificate'
      await requestTokenSet(bank.client({ auth: bank.auth({ kid }) }), grant)
      expect(assertionOf(bank.lastTokenRequest()).header.kid).toBe(kid)
    },
  )

  test('can be replaced at run time', async () => {
    await using bank = await startOpenBanking()
    const { privateKey: key, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    bank.system.clientKeys.push({ kid: 'next', publicKey })
    const auth = bank.auth()
    const source = createTokenSource({ client: bank.client({ auth }), grant })
    await source.getTokenSet()
    auth.replaceKey({ key, alg: 'PS256', kid: 'next' })
    await source.getTokenSet({ force: true })
    expect(bank.tokenRequests().map(request => assertionOf(request).header.kid)).toEqual([bank.system.kid, 'next'])
  })

  test('of the transport certificate never signs', async () => {
    await using bank = await startOpenBanking()
    await requestTokenSet(bank.client(), grant)
    const transport = createPublicKey(bank.system.certificate.cert).export({ format: 'jwk' })
    expect(transport.kty).toBe('EC')
    expect(assertionOf(bank.lastTokenRequest()).header.alg).toBe('PS256')
  })
})

describe('the kid of a directory', () => {
  // the example of RFC 7638 §3.1, and the thumbprint given there
  const jwk = {
    kty: 'RSA',
    n: [
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB',
      'ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8',
      'KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_',
      'xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
    ].join(''),
    e: 'AQAB',
  }

  test('is the SHA-1 of the RFC 7638 JSON, base64url without padding: 27 characters', () => {
    const json = `{"e":"AQAB","kty":"RSA","n":"${jwk.n}"}`
    const expected = createHash('sha1').update(json).digest('base64').replaceAll('+', '-').replaceAll('/', '_')
    expect(jwkThumbprint(jwk, 'sha1')).toBe(expected.replace(/=+$/, ''))
    expect(jwkThumbprint(jwk, 'sha1')).toHaveLength(27)
  })

  test('has 43 characters with SHA-256, the RFC’s own choice', () => {
    expect(jwkThumbprint(jwk, 'sha256')).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
  })

  test('comes out of the signing key itself', async () => {
    await using bank = await startOpenBanking()
    expect(jwkThumbprint(bank.system.signingKey, 'sha1')).toBe(bank.system.kid)
    const kid = jwkThumbprint(bank.system.signingKey, 'sha1')
    await requestTokenSet(bank.client({ auth: bank.auth({ kid }) }), grant)
    expect(bank.lastTokenRequest().status).toBe(200)
  })
})
