/** A customer's login, from consent to tokens: what the bank wants on the way out, and what comes back (providers.md, 1.7). */
import { generateKeyPairSync } from 'node:crypto'
import {
  type AuthorizationRequestOptions,
  authorizationCode,
  createAuthorizationRequest,
  createClient,
  createUserTokenSources,
  type RequestObjectOptions,
  readAuthorizationResponse,
  revokeToken,
  signer,
} from '@grantkit/core'
import type { Wso2IdentityServer } from '@grantkit/sandbox'
import { describe, expect, test } from 'vitest'
import { type Wso2OpenBankingOptions, wso2OpenBanking } from '../src/index.js'
import { startOpenBanking } from './open-banking.js'

type Bank = Awaited<ReturnType<typeof start>>

/** A bank with its Identity Server, and a way to log its customer in. */
async function start(optionsOf: (bank: Wso2IdentityServer) => Partial<Wso2OpenBankingOptions> = () => ({})) {
  const bank = await startOpenBanking()
  const identityServer = bank.sandbox.wso2IdentityServer
  bank.gateway.accountsNeedUserToken = true
  const client = bank.client({}, optionsOf(identityServer))
  const sign = (kid = identityServer.kid) => signer({ key: identityServer.signingKey, alg: 'PS256', kid })
  const begin = async (
    request: Partial<AuthorizationRequestOptions> = {},
    object: Partial<RequestObjectOptions> = {},
  ) =>
    createAuthorizationRequest(client, {
      redirectUri: identityServer.redirectUri,
      responseType: 'code id_token',
      scope: 'openid accounts',
      openbankingIntentId: await bank.askConsent(),
      essentialAcr: ['urn:openbanking:psd2:sca', 'urn:openbanking:psd2:ca'],
      requestObject: { signer: sign(), ...object },
      ...request,
    })
  return { ...bank, identityServer, client, sign, begin, users: createUserTokenSources({ client }) }
}

/** What the bank shows of the customer's accounts. */
async function accounts({ system, client }: Bank, accessToken: string) {
  const headers = { authorization: `Bearer ${accessToken}` }
  const { status, body } = await client.transport({ method: 'GET', url: system.apiUrl, headers })
  return { status, ...JSON.parse(new TextDecoder().decode(body)) }
}

describe('the metadata', () => {
  const metadataOf = (options: Wso2OpenBankingOptions) => wso2OpenBanking(options).metadata

  test('has Identity Server’s endpoints beside its token endpoint', () => {
    expect(metadataOf({ tokenEndpoint: 'https://is.example.com:9446/oauth2/token' })).toMatchObject({
      authorization_endpoint: 'https://is.example.com:9446/oauth2/authorize',
      jwks_uri: 'https://is.example.com:9446/oauth2/jwks',
      revocation_endpoint: 'https://is.example.com:9446/oauth2/revoke',
      userinfo_endpoint: 'https://is.example.com:9446/oauth2/userinfo',
      end_session_endpoint: 'https://is.example.com:9446/oidc/logout',
      device_authorization_endpoint: 'https://is.example.com:9446/oauth2/device_authorize',
      backchannel_authentication_endpoint: 'https://is.example.com:9446/oauth2/ciba',
    })
  })

  test('guesses none of them for another token endpoint, nor where requests are pushed', () => {
    const metadata = metadataOf({ tokenEndpoint: 'https://apim.example.com:8243/token' })
    expect(Object.keys(metadata).filter(name => /_(endpoint|uri)$/.test(name))).toEqual(['token_endpoint'])
    expect(metadataOf({ tokenEndpoint: 'https://is.example.com:9446/oauth2/token' })).not.toHaveProperty(
      'pushed_authorization_request_endpoint',
    )
  })

  test.each([
    'authorizationEndpoint',
    'pushedAuthorizationRequestEndpoint',
    'jwksUri',
    'revocationEndpoint',
    'userinfoEndpoint',
    'endSessionEndpoint',
    'deviceAuthorizationEndpoint',
    'backchannelAuthenticationEndpoint',
  ] as const)('takes %s as given, and https alone', option => {
    const tokenEndpoint = 'https://is.example.com:9446/oauth2/token'
    const given = metadataOf({ tokenEndpoint, [option]: 'https://other.example.com/there' })
    expect(Object.values(given)).toContain('https://other.example.com/there')
    const wrong = () => metadataOf({ tokenEndpoint, [option]: 'http://other.example.com' })
    expect(wrong).toThrow(expect.objectContaining({ option }))
  })

  test('agrees with what the server says of itself', async () => {
    await using bank = await start()
    const { transport, provider } = bank.client
    const { body } = await transport({ method: 'GET', url: bank.identityServer.discoveryUrl, headers: {} })
    const discovered = JSON.parse(new TextDecoder().decode(body))
    const names = ['issuer', 'token_endpoint', 'authorization_endpoint', 'jwks_uri', 'revocation_endpoint'] as const
    expect(discovered.end_session_endpoint).toBe(provider.metadata.end_session_endpoint)
    for (const name of names) expect(discovered[name], name).toBe(provider.metadata[name])
  })
})

describe('a hybrid login with a signed request object', () => {
  test('ends with a token for the accounts of this consent, whoever asked for another acr', async () => {
    await using bank = await start()
    const { url, transaction } = await bank.begin()
    const { url: returned } = await bank.identityServer.visit(url)
    const grant = await readAuthorizationResponse(bank.client, JSON.parse(JSON.stringify(transaction)), returned)
    const tokenSet = await bank.users.for('alice').redeem(grant)

    expect(tokenSet.idTokenClaims).toMatchObject({
      iss: bank.system.tokenEndpoint,
      aud: [bank.system.clientId],
      acr: 'urn:mace:incommon:iap:silver',
    })
    const { Data } = await accounts(bank, tokenSet.accessToken)
    expect(Data.Account.map(({ AccountId }: { AccountId: string }) => AccountId)).toEqual([
      '30080012343456',
      '30080098763459',
    ])
  })

  test('sends what OpenID Connect wants beside the object, which lives fifteen minutes and is for the token endpoint', async () => {
    await using bank = await start()
    const { url, transaction } = await bank.begin()
    const query = Object.fromEntries(new URL(url).searchParams)
    const [header, claims] = (query.request ?? '').split('.').slice(0, 2).map(decode)
    expect(query).toMatchObject({ response_type: 'code id_token', scope: 'openid accounts', state: transaction.state })
    expect(header).toEqual({ alg: 'PS256', kid: bank.system.kid, typ: 'JWT' })
    expect(claims).toMatchObject({
      iss: bank.system.clientId,
      aud: bank.system.tokenEndpoint,
      code_challenge_method: 'S256',
      nonce: transaction.nonce,
    })
    expect(claims.exp - claims.nbf).toBeGreaterThan(890)
    expect(claims.claims.userinfo).toEqual({ openbanking_intent_id: claims.claims.id_token.openbanking_intent_id })
    expect(claims.claims.id_token.acr).toMatchObject({ essential: true })
  })

  test('is refreshed, and the ID token that comes then is about the same customer', async () => {
    await using bank = await start()
    const { url, transaction } = await bank.begin()
    const { url: returned } = await bank.identityServer.visit(url, { username: 'bob' })
    const customer = bank.users.for('bob')
    const first = await customer.redeem(await readAuthorizationResponse(bank.client, transaction, returned))
    const second = await customer.getTokenSet({ force: true })
    expect(second.accessToken).not.toBe(first.accessToken)
    expect(second.idToken).not.toBe(first.idToken)
    expect((await accounts(bank, second.accessToken)).Data.Account).toHaveLength(1)
  })

  test('comes back from a page that forwards the fragment as a query or as a form', async () => {
    await using bank = await start()
    const forwarded = [
      (fragment: string) => `/callback?${fragment}`,
      (fragment: string) => new URLSearchParams(fragment),
      (fragment: string) => Object.fromEntries(new URLSearchParams(fragment)),
    ]
    for (const [index, forward] of forwarded.entries()) {
      const { url, transaction } = await bank.begin()
      const { url: returned } = await bank.identityServer.visit(url)
      const answer = forward(new URL(returned).hash.slice(1))
      const reading = readAuthorizationResponse(bank.client, transaction, answer)
      if (index === 0) await expect(reading).rejects.toMatchObject({ check: 'response_mode' })
      else expect((await reading).grantType).toBe('authorization_code')
    }
  })

  test('with form_post needs no page that forwards', async () => {
    await using bank = await start()
    const { url, transaction } = await bank.begin({ responseMode: 'form_post' })
    const { form } = await bank.identityServer.visit(url)
    const grant = await readAuthorizationResponse(bank.client, transaction, new URLSearchParams(form).toString())
    expect((await bank.users.for('alice').redeem(grant)).refreshToken).toBeDefined()
  })

  test('takes ID tokens that are encrypted, where the client has registered a key for it', async () => {
    const { publicKey, privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    await using bank = await start()
    bank.identityServer.settings.idTokenEncryptionKey = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const metadata = { id_token_encrypted_response_alg: 'RSA-OAEP', id_token_encrypted_response_enc: 'A256GCM' }
    const { provider, id: clientId, clock } = bank.client
    const client = createClient({
      provider,
      clientId,
      auth: bank.auth(),
      tls: bank.tls,
      clock,
      metadata,
      decryptionKeys: [{ key }],
    })
    const { url, transaction } = await bank.begin()
    const { url: returned } = await bank.identityServer.visit(url)
    const grant = await readAuthorizationResponse(client, transaction, returned)
    const { idToken, idTokenClaims } = await createUserTokenSources({ client }).for('alice').redeem(grant)
    expect(idToken?.split('.')).toHaveLength(5)
    expect(idTokenClaims).toMatchObject({ nonce: transaction.nonce })
  })

  test('takes JARM where it is switched on', async () => {
    await using bank = await start()
    bank.identityServer.settings.jarm = true
    const { url, transaction } = await bank.begin({ responseMode: 'jwt' })
    const { url: returned } = await bank.identityServer.visit(url)
    expect(returned).toContain('#response=')
    const grant = await readAuthorizationResponse(bank.client, transaction, returned)
    expect((await bank.users.for('alice').redeem(grant)).refreshToken).toBeDefined()
  })
})

describe('a pushed request', () => {
  const places = ['pushedAuthorizationRequestEndpoint', 'pushedAuthorizationRequestEndpointOf3'] as const

  test.each(places)('goes to %s, with an assertion for the token endpoint, which every build takes', async place => {
    await using bank = await start(server => ({ pushedAuthorizationRequestEndpoint: server[place] }))
    bank.identityServer.settings.pushedRequestAudience = false
    const { url, expiresAt, transaction } = await bank.begin({ pushed: true })
    expect([...new URL(url).searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
    expect(expiresAt).toBeLessThanOrEqual(bank.sandbox.now() + 60_000)
    const pushed = bank.system.requests.find(({ kind }) => kind === 'pushed-authorization')
    expect(Object.keys(pushed?.parameters ?? {}).sort()).toEqual([
      'client_assertion',
      'client_assertion_type',
      'client_id',
      'request',
    ])
    const { url: returned } = await bank.identityServer.visit(url)
    const grant = await readAuthorizationResponse(bank.client, transaction, returned)
    expect((await bank.users.for('alice').redeem(grant)).refreshToken).toBeDefined()
  })

  test('may ask for the code alone, where the client may have it', async () => {
    await using bank = await start(server => pushedTo(server))
    bank.identityServer.settings.responseTypes = ['code']
    const { url, transaction } = await bank.begin({ pushed: true, responseType: 'code' })
    const { url: returned } = await bank.identityServer.visit(url)
    expect(new URL(returned).hash).toBe('')
    const grant = await readAuthorizationResponse(bank.client, transaction, returned)
    const { idTokenClaims } = await bank.users.for('alice').redeem(grant)
    expect(idTokenClaims).toMatchObject({ nonce: transaction.nonce })
  })

  test('says at once what is wrong with it, before the customer has seen anything', async () => {
    await using bank = await start(server => pushedTo(server))
    await expect(bank.begin({ pushed: true }, { lifetimeSeconds: 290 })).rejects.toMatchObject({
      code: 'ERR_SERVER_REFUSED',
      error: 'invalid_request',
      error_description: 'Request object expired',
    })
    await expect(bank.begin({ pushed: true }, { signer: bank.sign('stale') })).rejects.toMatchObject({
      error_description: 'Request Object signature verification failed.',
    })
  })

  test('that has waited too long is shown to the customer alone', async () => {
    await using bank = await start(server => pushedTo(server))
    const { url } = await bank.begin({ pushed: true })
    bank.sandbox.advance(60_000)
    await expect(bank.identityServer.visit(url)).rejects.toThrow('Provided request URI is not valid')
  })
})

describe('a request object that is wrong', () => {
  const { privateKey: foreign } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const verification = 'Request Object signature verification failed.'
  const parameters = 'Invalid parameters found in the Request Object.'

  test.each<[string, (bank: Bank) => Partial<RequestObjectOptions>, string]>([
    ['for another audience', () => ({ audience: 'https://other.example.com' }), parameters],
    ['as short as the server’s clock skew', () => ({ lifetimeSeconds: 300 }), 'Request object expired'],
    ['of the type RFC 9101 has', () => ({ typ: 'oauth-authz-req+jwt' }), verification],
    ['by a key that is not in the JWKS', bank => ({ signer: bank.sign('stale') }), verification],
    [
      'by somebody else’s key',
      bank => ({ signer: signer({ key: foreign, alg: 'PS256', kid: bank.system.kid }) }),
      verification,
    ],
  ])('%s is refused, in fragment or query', async (_, object, error_description) => {
    await using bank = await start()
    for (const authorizationErrors of ['fragment', 'query'] as const) {
      bank.identityServer.settings.authorizationErrors = authorizationErrors
      const { url, transaction } = await bank.begin({}, object(bank))
      const { url: returned } = await bank.identityServer.visit(url)
      expect(new URL(returned)[authorizationErrors === 'query' ? 'search' : 'hash']).toContain('error=invalid_request')
      await expect(readAuthorizationResponse(bank.client, transaction, returned)).rejects.toMatchObject({
        code: 'ERR_AUTHORIZATION_REFUSED',
        error: 'invalid_request',
        error_description,
      })
    }
    expect(bank.tokenRequests().filter(({ parameters: { code } }) => code !== undefined)).toEqual([])
  })

  test('or missing is refused, and so is an algorithm the server does not take', async () => {
    await using bank = await start()
    const { url, transaction } = await bank.begin({ requestObject: undefined })
    const { url: returned } = await bank.identityServer.visit(url)
    await expect(readAuthorizationResponse(bank.client, transaction, returned)).rejects.toMatchObject({
      error_description: 'Missing parameters: request',
    })
    const rs256 = signer({ key: foreign, alg: 'RS256' })
    await expect(bank.begin({}, { signer: rs256 })).rejects.toMatchObject({ option: 'requestObject.signer' })
  })

  test('about a redirect URI that is not registered, or no consent that waits, is shown to the customer alone', async () => {
    await using bank = await start()
    const elsewhere = await bank.begin({ redirectUri: 'https://other.example.com/callback' })
    await expect(bank.identityServer.visit(elsewhere.url)).rejects.toThrow('Registered callback does not match')
    const unknown = await bank.begin({ openbankingIntentId: 'unknown' })
    await expect(bank.identityServer.visit(unknown.url)).rejects.toThrow('names no consent that is known')
  })
})

describe('a consent', () => {
  const logIn = async (bank: Bank) => {
    const consentId = await bank.askConsent()
    const { url, transaction } = await bank.begin({ openbankingIntentId: consentId })
    const { url: returned } = await bank.identityServer.visit(url)
    const grant = await readAuthorizationResponse(bank.client, transaction, returned)
    const customer = bank.users.for('alice')
    return { consentId, transaction, returned, customer, tokenSet: await customer.redeem(grant) }
  }

  test('that the customer denied ends the login, and no code is asked for', async () => {
    await using bank = await start()
    const { url, transaction } = await bank.begin()
    const { url: returned } = await bank.identityServer.visit(url, { decision: 'deny' })
    await expect(readAuthorizationResponse(bank.client, transaction, returned)).rejects.toMatchObject({
      code: 'ERR_AUTHORIZATION_REFUSED',
      error: 'access_denied',
      error_description: 'User denied the consent',
      kind: 'denied',
      retryable: false,
    })
  })

  test('that was deleted leaves a user who has to log in again', async () => {
    await using bank = await start()
    const { consentId, customer, tokenSet } = await logIn(bank)
    expect((await bank.deleteConsent(consentId)).status).toBe(204)
    expect(await accounts(bank, tokenSet.accessToken)).toMatchObject({ status: 401, code: '900901' })
    await expect(customer.getTokenSet({ rejected: tokenSet.accessToken })).rejects.toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
      subject: 'alice',
    })
    expect((await bank.deleteConsent(consentId)).status).toBe(400)
  })

  test('ends with the revocation of a token, which has to be meant', async () => {
    await using bank = await start()
    const { customer, tokenSet } = await logIn(bank)
    const revoke = (endsConsent: boolean) => revokeToken(bank.client, { token: tokenSet.accessToken, endsConsent })
    await expect(revoke(false)).rejects.toThrow('endsConsent')
    await revoke(true)
    await expect(customer.getTokenSet({ rejected: tokenSet.accessToken })).rejects.toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
    })
  })

  test('outlives nobody who brings its answer twice: the first login goes on', async () => {
    await using bank = await start()
    const { transaction, returned, tokenSet } = await logIn(bank)
    await expect(readAuthorizationResponse(bank.client, transaction, returned)).rejects.toMatchObject({
      check: 'used_answer',
    })
    expect((await accounts(bank, tokenSet.accessToken)).status).toBe(200)
  })

  test('ends for a code that was replayed at the server, whose tokens die', async () => {
    await using bank = await start()
    const { transaction, returned, customer, tokenSet } = await logIn(bank)
    const code = new URLSearchParams(new URL(returned).hash.slice(1)).get('code') ?? ''
    const { redirectUri, codeVerifier } = transaction
    const replayed = bank.users.for('mallory').redeem(authorizationCode({ code, redirectUri, codeVerifier }))
    await expect(replayed).rejects.toMatchObject({ error: 'invalid_grant' })
    expect((await accounts(bank, tokenSet.accessToken)).status).toBe(401)
    await expect(customer.getTokenSet({ rejected: tokenSet.accessToken })).rejects.toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
    })
  })
})

const pushedTo = ({ pushedAuthorizationRequestEndpoint }: Wso2IdentityServer) => ({
  pushedAuthorizationRequestEndpoint,
})

const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
